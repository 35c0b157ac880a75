//! The heartbeat: the worker is alive. And the report: this is what its backend can take.
//!
//! They are two, because a worker whose storage hangs or has burned lives all the same, and is needed to leave
//! it.

use crate::driver::DriverError;
use crate::recover;
use crate::worker::Worker;
use bus::{Context, FanOut};
use database::{backends, services};
use model::{BackendReport, ReplicationStatus, RequestId};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a look at the storage may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says regularly that the worker is alive until the process stops, and then that it is not.
pub(crate) async fn beat(worker: &Worker, stopping: &CancellationToken) {
    while !stopping.is_cancelled() {
        if let Err(error) = worker.confirm_alive().await {
            tracing::warn!(%error, "the heartbeat was not recorded");
        }
        pause(worker, stopping).await;
    }
    if let Err(error) = services::sign_off(&worker.database, &worker.service).await {
        tracing::warn!(%error, "the stop was not recorded");
    }
}

/// Reports regularly until the process stops. A backend whose driver cannot report counts as down.
pub(crate) async fn report_regularly(worker: &Worker, stopping: &CancellationToken) {
    while !stopping.is_cancelled() {
        let looked = tokio::select! {
            () = stopping.cancelled() => return,
            // it may be looking at what was left, and hangs
            () = worker.position_changed() => continue,
            looked = tokio::time::timeout(PATIENCE, look(worker)) => looked,
        };
        let late = |_| Err(DriverError::failed("the storage does not answer"));
        let looked = looked.unwrap_or_else(late);
        match looked {
            Ok(Some(report)) => publish(worker, report).await,
            Ok(None) => {}
            Err(error) => {
                tracing::error!(backend.name = worker.backend_name, %error, "the driver does not report");
            }
        }
        pause(worker, stopping).await;
    }
}

async fn pause(worker: &Worker, stopping: &CancellationToken) {
    tokio::select! {
        () = stopping.cancelled() => {}
        () = worker.position_changed() => {}
        () = tokio::time::sleep(worker.config.services.heartbeat()) => {}
    }
}

/// What the backend can take; its data paths are open again, should its data plane have died otherwise than
/// by a failover. `None` when the worker does not serve.
async fn look(worker: &Worker) -> Result<Option<BackendReport>, DriverError> {
    let serving = worker.serving().await?;
    if worker.is_at(&serving) {
        let was_started = worker.driver.ensure_data_plane().await?;
        if was_started || worker.exports_missing.load(Ordering::Relaxed) {
            recover::restore_exports(worker).await;
        }
    } else if serving.replication_status != ReplicationStatus::FailingOver {
        return Ok(None);
    }
    let report = worker.driver.report().await?;
    Ok(Some(BackendReport { replication: worker.progress.get(), ..report }))
}

async fn publish(worker: &Worker, report: BackendReport) {
    if let Err(error) = backends::report(&worker.database, worker.backend_id, &report).await {
        return tracing::warn!(%error, "the report was not recorded");
    }
    let lifetime = worker.config.services.heartbeat();
    let news = FanOut::BackendReport { backend: worker.backend_name.clone(), report };
    worker.bus.fan_out(Context::of_process(RequestId::random(), None, lifetime), news).await;
}
