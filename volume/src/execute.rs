//! Execute: the driver's work for one claimed operation, as long as the claim holds.

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
mod retype_volume;
mod revert_volume;
mod terminate_connection;
mod unmanage_volume;
mod update_attachment;

use crate::driver::{Driver, DriverError, Fence, LatestProgress};
use crate::finish_operation::{finish, hand_over};
use crate::recover::{self, Decision};
use crate::worker::Worker;
use bus::{Context, FanOut};
use database::Database;
use database::operation_log::{self, ClaimedOperation, FailedOver, Outcome};
use model::{Migration, RequestId};
use operation::OnBackend;
use operation::contract::{Columns, Effect, Role};
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
    let fails_over = claimed.operation.contract().has(Effect::BeginsEpoch);
    let span = info_span!(
        "execute",
        request_id = %claimed.request_id,
        operation.id = %claimed.id,
        operation.kind = %claimed.operation.kind(),
        resource.id = %claimed.operation.definition().subject(),
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
    let Some(operation) = execution.claimed.operation.on_backend() else {
        return Err(DriverError::failed("it ended with its admission"));
    };
    match operation {
        OnBackend::CreateVolume(arguments) => create_volume::execute(execution, arguments).await,
        OnBackend::DeleteVolume(_) | OnBackend::ForceDeleteVolume(_) => {
            delete_volume::execute(execution).await
        }
        OnBackend::ExtendVolume(arguments) => extend_volume::execute(execution, arguments).await,
        OnBackend::RevertVolume(_) => revert_volume::execute(execution).await,
        OnBackend::RetypeVolume(_) => retype_volume::execute(execution).await,
        OnBackend::MigrateVolume(_) => Err(DriverError::failed("it has no destination")),
        OnBackend::ManageVolume(arguments) => manage_volume::execute(execution, arguments).await,
        OnBackend::UnmanageVolume(_) => unmanage_volume::execute(execution).await,
        OnBackend::ManageSnapshot(arguments) => {
            manage_snapshot::execute(execution, arguments).await
        }
        // no data path is ever open of a snapshot, and its storage stays as it is
        OnBackend::UnmanageSnapshot(_) => Ok(Done::default()),
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
