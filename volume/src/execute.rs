//! Execute: the driver's work for one claimed operation, one file for each kind.

mod connection;
mod create_snapshot;
mod create_volume;
mod delete_attachment;
mod delete_snapshot;
mod delete_volume;
mod extend_volume;
mod failover_backend;
mod initialize_connection;
mod manage_snapshot;
mod manage_volume;
mod migrate_volume;
mod reimage_volume;
mod retype_volume;
mod revert_volume;
mod terminate_connection;
mod unmanage_snapshot;
mod unmanage_volume;
mod update_attachment;
mod upload_volume;

use crate::execution::{Done, Execution, Progress};
use operation::OnBackend;
use steps::recover::{self, Decision};
use steps::step::StepError;

/// Executes a claimed operation, or this backend's part of it; also again, after a worker that died.
pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Progress, StepError> {
    let claimed = execution.claimed;
    let decision = recover::decide(claimed.operation.kind().runs(), claimed.attempts);
    let Some(migration) = &claimed.migration else {
        let done = match decision {
            Decision::Execute => drive(execution).await,
            Decision::Fail(reason) => give_up(execution, reason).await,
        };
        return done.map(Progress::Done);
    };
    let outcome = match decision {
        Decision::Execute => migrate_volume::run_stage(execution, migration).await,
        Decision::Fail(reason) => Err(StepError::failed(reason)),
    };
    match outcome {
        Err(StepError::Failed(reason)) => {
            migrate_volume::abort_migration(execution, migration, reason).await
        }
        outcome => outcome,
    }
}

/// Ends an operation that is not executed again, and with it what it has begun elsewhere.
async fn give_up(execution: &Execution<'_>, reason: &str) -> Result<Done, StepError> {
    match execution.claimed.operation.on_backend() {
        Some(OnBackend::UploadVolume(arguments)) => {
            upload_volume::give_up(execution, arguments, reason.to_owned()).await
        }
        _ => Err(StepError::failed(reason)),
    }
}

/// The driver's work for an operation that one backend does alone.
async fn drive(execution: &Execution<'_>) -> Result<Done, StepError> {
    let Some(operation) = execution.claimed.operation.on_backend() else {
        return Err(StepError::failed("it ended with its admission"));
    };
    match operation {
        OnBackend::CreateVolume(arguments) => create_volume::execute(execution, arguments).await,
        OnBackend::DeleteVolume(_) | OnBackend::ForceDeleteVolume(_) => {
            delete_volume::execute(execution).await
        }
        OnBackend::ExtendVolume(arguments) => extend_volume::execute(execution, arguments).await,
        OnBackend::RevertVolume(_) => revert_volume::execute(execution).await,
        OnBackend::RetypeVolume(arguments) => retype_volume::execute(execution, arguments).await,
        OnBackend::UploadVolume(arguments) => upload_volume::execute(execution, arguments).await,
        OnBackend::ReimageVolume(arguments) => reimage_volume::execute(execution, arguments).await,
        OnBackend::MigrateVolume(_) => Err(StepError::failed("it has no destination")),
        OnBackend::ManageVolume(arguments) => manage_volume::execute(execution, arguments).await,
        OnBackend::UnmanageVolume(_) => unmanage_volume::execute(execution).await,
        OnBackend::ManageSnapshot(arguments) => {
            manage_snapshot::execute(execution, arguments).await
        }
        OnBackend::UnmanageSnapshot(_) => unmanage_snapshot::execute(execution).await,
        OnBackend::CreateSnapshot(_) => create_snapshot::execute(execution).await,
        OnBackend::DeleteSnapshot(_) | OnBackend::ForceDeleteSnapshot(_) => {
            delete_snapshot::execute(execution).await
        }
        OnBackend::UpdateAttachment(arguments) => {
            update_attachment::execute(execution, arguments).await
        }
        OnBackend::DeleteAttachment(arguments) => {
            delete_attachment::execute(execution, arguments).await
        }
        OnBackend::InitializeConnection(arguments) => {
            initialize_connection::execute(execution, arguments).await
        }
        OnBackend::TerminateConnection(arguments) => {
            terminate_connection::execute(execution, arguments).await
        }
        OnBackend::FailoverBackend(arguments) => {
            failover_backend::execute(execution, arguments).await
        }
    }
}
