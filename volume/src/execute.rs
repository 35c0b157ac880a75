//! Execute: the driver's work for one claimed operation, one file for each kind.

mod connection;
mod create_snapshot;
mod create_volume;
mod delete_attachment;
mod delete_snapshot;
mod delete_volume;
mod extend_volume;
mod failover_backend;
mod force_delete_snapshot;
mod force_delete_volume;
mod initialize_connection;
mod manage_snapshot;
mod manage_volume;
mod migrate_volume;
mod retype_volume;
mod revert_volume;
mod terminate_connection;
mod unmanage_snapshot;
mod unmanage_volume;
mod update_attachment;

use crate::execution::{Done, Execution, Progress};
use crate::recover::{self, Decision};
use crate::step::StepError;
use operation::Operation;

/// Executes a claimed operation, or this backend's part of it; also again, after a worker that died.
pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Progress, StepError> {
    let claimed = execution.claimed;
    let decided = match recover::decide(claimed.operation.contract().runs, claimed.attempts) {
        Decision::Fail(reason) => Err(StepError::failed(reason)),
        Decision::Execute => Ok(()),
    };
    let Some(migration) = &claimed.migration else {
        decided?;
        return drive(execution).await.map(Progress::Done);
    };
    let outcome = match decided {
        Ok(()) => migrate_volume::go_on(execution, migration).await,
        Err(reason) => Err(reason),
    };
    match outcome {
        Err(StepError::Failed(reason)) => {
            migrate_volume::give_up(execution, migration, reason).await
        }
        outcome => outcome,
    }
}

/// The driver's work for an operation that one backend does alone.
async fn drive(execution: &Execution<'_>) -> Result<Done, StepError> {
    match &execution.claimed.operation {
        Operation::CreateVolume(arguments) => create_volume::execute(execution, arguments).await,
        Operation::DeleteVolume(_) => delete_volume::execute(execution).await,
        Operation::ForceDeleteVolume(_) => force_delete_volume::execute(execution).await,
        Operation::ExtendVolume(arguments) => extend_volume::execute(execution, arguments).await,
        Operation::RevertVolume(_) => revert_volume::execute(execution).await,
        Operation::RetypeVolume(_) => retype_volume::execute(execution).await,
        Operation::MigrateVolume(_) => Err(StepError::failed("it has no destination")),
        Operation::ManageVolume(arguments) => manage_volume::execute(execution, arguments).await,
        Operation::UnmanageVolume(_) => unmanage_volume::execute(execution).await,
        Operation::ManageSnapshot(arguments) => {
            manage_snapshot::execute(execution, arguments).await
        }
        Operation::UnmanageSnapshot(_) => unmanage_snapshot::execute(execution).await,
        Operation::CreateSnapshot(_) => create_snapshot::execute(execution).await,
        Operation::DeleteSnapshot(_) => delete_snapshot::execute(execution).await,
        Operation::ForceDeleteSnapshot(_) => force_delete_snapshot::execute(execution).await,
        Operation::UpdateAttachment(arguments) => {
            update_attachment::execute(execution, arguments).await
        }
        Operation::DeleteAttachment(arguments) => {
            delete_attachment::execute(execution, arguments).await
        }
        Operation::InitializeConnection(arguments) => {
            initialize_connection::execute(execution, arguments).await
        }
        Operation::TerminateConnection(arguments) => {
            terminate_connection::execute(execution, arguments).await
        }
        Operation::FailoverBackend(arguments) => {
            failover_backend::execute(execution, arguments).await
        }
        Operation::UpdateVolume(_)
        | Operation::ResetVolumeStatus(_)
        | Operation::SetVolumeReadonly(_)
        | Operation::SetVolumeBootable(_)
        | Operation::UpdateImageMetadata(_)
        | Operation::UpdateSnapshot(_)
        | Operation::ResetSnapshotStatus(_)
        | Operation::CreateAttachment(_)
        | Operation::CompleteAttachment(_)
        | Operation::ReleaseAttachment(_)
        | Operation::ReserveVolume(_)
        | Operation::AttachVolume(_)
        | Operation::BeginDetaching(_)
        | Operation::RollDetaching(_)
        | Operation::CreateVolumeType(_)
        | Operation::UpdateVolumeType(_)
        | Operation::DeleteVolumeType(_)
        | Operation::UpdateExtraSpecs(_)
        | Operation::UpdateTypeAccess(_)
        | Operation::UpdateTypeEncryption(_)
        | Operation::SetDefaultType(_)
        | Operation::CreateQosSpecs(_)
        | Operation::UpdateQosSpecs(_)
        | Operation::DeleteQosSpecs(_)
        | Operation::AssociateQosSpecs(_)
        | Operation::DisassociateQosSpecs(_)
        | Operation::UpdateQuota(_)
        | Operation::ResetQuota(_)
        | Operation::UpdateQuotaClass(_)
        | Operation::DeleteMessage(_)
        | Operation::EnableBackend(_)
        | Operation::DisableBackend(_)
        | Operation::FreezeBackend(_)
        | Operation::ThawBackend(_)
        | Operation::PromoteBackend(_)
        | Operation::EnableReplication(_) => Err(StepError::failed("it ended with its admission")),
    }
}
