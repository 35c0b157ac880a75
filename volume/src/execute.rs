//! Execute: the driver's work for one claimed operation, as long as the claim holds.

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

use crate::driver::{Driver, DriverError, Fence, LatestProgress};
use crate::finish_operation::{finish, hand_over};
use crate::recover::{self, Decision};
use crate::worker::Worker;
use bus::{Context, FanOut};
use database::Database;
use database::operation_log::{self, ClaimedOperation, Outcome};
use model::{FailedOver, Migration, RequestId};
use operation::Operation;
use operation::contract::{Columns, Role};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// How long the end of a failover is news.
const NEWS_LIFETIME: Duration = Duration::from_secs(10);

/// What an operation's file needs to do its work.
pub(crate) struct Execution<'a> {
    pub database: &'a Database,
    pub driver: &'a dyn Driver,
    pub progress: &'a LatestProgress,
    pub fence: Fence,
    claimed: &'a ClaimedOperation,
}

/// What came of an operation that was done.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// Columns of the subject that the driver filled in.
    pub found: Columns,
    /// What whoever waits for the operation is told.
    pub result: Option<Value>,
    /// What a failover came to.
    pub failover: Option<FailedOver>,
}

/// How far this backend has brought an operation.
pub(crate) enum Progress {
    /// To its end.
    Done(Done),
    /// As far as it can: another backend goes on.
    HandOver(Migration),
}

impl Execution<'_> {
    /// What the operation is about, as it was when it was claimed.
    pub fn subject<T: DeserializeOwned>(&self) -> Result<T, DriverError> {
        read(&self.claimed.subject)
    }

    /// The resources that play a part in the operation, as they were when it was claimed.
    pub fn others<T: DeserializeOwned>(&self, role: Role) -> Result<Vec<T>, DriverError> {
        let playing = self.claimed.others.iter().filter(|other| other.role == role);
        playing.map(|other| read(&other.row)).collect()
    }

    /// The only resource that plays a part in the operation.
    pub fn other<T: DeserializeOwned>(&self, role: Role) -> Result<T, DriverError> {
        let mut others = self.others(role)?;
        others.pop().ok_or_else(|| DriverError::failed(format!("there is no {role}")))
    }
}

fn read<T: DeserializeOwned>(row: &Value) -> Result<T, DriverError> {
    serde_json::from_value(row.clone())
        .map_err(|error| DriverError::failed(format!("a row cannot be read: {error}")))
}

/// Executes a claimed operation and finishes it, unless the claim is lost meanwhile.
pub(crate) async fn execute(worker: &Worker, claimed: ClaimedOperation) {
    let fails_over = claimed.operation.begins_epoch();
    let span = info_span!(
        "execute",
        request_id = %claimed.request_id,
        operation.id = %claimed.id,
        operation.kind = %claimed.operation.kind(),
        resource.id = %claimed.operation.subject(),
        backend.name = worker.backend_name,
        attempt = claimed.attempts,
    );
    async {
        fail::fail_point!("volume.claimed", |_| std::process::abort());
        let begun = Instant::now();
        let outcome = tokio::select! {
            outcome = carry_out(worker, &claimed) => outcome,
            () = lose_claim(worker, &claimed) => Err(DriverError::Superseded),
        };
        fail::fail_point!("volume.executed", |_| std::process::abort());
        let duration_ms = begun.elapsed().as_millis();
        match outcome {
            Ok(Progress::HandOver(next)) => {
                tracing::info!(duration_ms, "executed, for this backend's part");
                hand_over(worker, &claimed, &next).await;
            }
            Ok(Progress::Done(done)) => {
                tracing::info!(duration_ms, "executed");
                let Done { found, result, failover } = done;
                let outcome = Outcome { found, result, failover, error: None };
                finish(worker, &claimed, &outcome).await;
            }
            Err(DriverError::Superseded) => tracing::info!(duration_ms, "lost to another worker"),
            Err(DriverError::Passing(reason)) => {
                tracing::warn!(duration_ms, reason, "left for the sweep");
            }
            Err(DriverError::Failed(reason)) => {
                tracing::warn!(duration_ms, reason, "failed");
                let outcome = Outcome { error: Some(reason), ..Outcome::default() };
                finish(worker, &claimed, &outcome).await;
            }
        }
    }
    .instrument(span)
    .await;
    if fails_over {
        // at once, rather than with the next sweep
        worker.follow().await;
        let context = Context::of_process(RequestId::random(), None, NEWS_LIFETIME);
        let news = FanOut::FailoverCompleted { backend: worker.backend_name.clone() };
        worker.bus.fan_out(context, news).await;
    }
}

async fn carry_out(worker: &Worker, claimed: &ClaimedOperation) -> Result<Progress, DriverError> {
    let execution = Execution {
        database: &worker.database,
        driver: &*worker.driver,
        progress: &worker.progress,
        fence: Fence(claimed.fence),
        claimed,
    };
    let decided = match recover::decide(claimed) {
        Decision::Fail(reason) => Err(DriverError::failed(reason)),
        Decision::Execute => Ok(()),
    };
    let Some(migration) = &claimed.migration else {
        decided?;
        return drive(&execution).await.map(Progress::Done);
    };
    let outcome = match decided {
        Ok(()) => migrate_volume::go_on(&execution, migration).await,
        Err(reason) => Err(reason),
    };
    match outcome {
        Err(DriverError::Failed(reason)) => {
            migrate_volume::give_up(&execution, migration, reason).await
        }
        outcome => outcome,
    }
}

/// The driver's work for an operation that one backend does alone.
async fn drive(execution: &Execution<'_>) -> Result<Done, DriverError> {
    match &execution.claimed.operation {
        Operation::CreateVolume(arguments) => create_volume::execute(execution, arguments).await,
        Operation::DeleteVolume(_) => delete_volume::execute(execution).await,
        Operation::ForceDeleteVolume(_) => force_delete_volume::execute(execution).await,
        Operation::ExtendVolume(arguments) => extend_volume::execute(execution, arguments).await,
        Operation::RevertVolume(_) => revert_volume::execute(execution).await,
        Operation::RetypeVolume(_) => retype_volume::execute(execution).await,
        Operation::MigrateVolume(_) => Err(DriverError::failed("it has no destination")),
        Operation::ManageVolume(arguments) => manage_volume::execute(execution, arguments).await,
        Operation::UnmanageVolume(_) => unmanage_volume::execute(execution).await,
        Operation::ManageSnapshot(arguments) => {
            manage_snapshot::execute(execution, arguments).await
        }
        Operation::UnmanageSnapshot(_) => unmanage_snapshot::execute(),
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
        | Operation::EnableReplication(_) => {
            Err(DriverError::failed("it ended with its admission"))
        }
    }
}

/// Renews the lease for as long as that succeeds; returns when the operation may be another worker's.
async fn lose_claim(worker: &Worker, claimed: &ClaimedOperation) {
    let lease = worker.config.volume.lease();
    let mut renewed = Instant::now();
    loop {
        tokio::time::sleep(lease / 3).await;
        let asked = Instant::now();
        match operation_log::renew(&worker.database, claimed.id, claimed.fence, lease).await {
            Ok(true) => renewed = asked,
            Ok(false) => return,
            Err(error) if renewed.elapsed() + lease / 3 > lease => {
                return tracing::warn!(%error, "the lease cannot be renewed");
            }
            Err(error) => tracing::debug!(%error, "the lease was not renewed"),
        }
    }
}

/// The pause before something is tried again, for the `attempt`th time.
pub(crate) fn pause_before(attempt: u32) -> Duration {
    Duration::from_millis(100 << attempt.min(4))
}
