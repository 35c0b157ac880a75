//! The heartbeat: the worker is alive, and this is what its backend can take.

use crate::driver::DriverError;
use crate::recover;
use crate::worker::Worker;
use common::bus::{Context, FanOut};
use common::db::{backends, services};
use common::model::{BackendReport, RequestId};
use tokio_util::sync::CancellationToken;

/// Reports regularly until the process stops, then says so. A backend whose driver cannot report does
/// not beat, and so counts as down.
pub(crate) async fn beat(worker: &Worker, stopping: &CancellationToken) {
    while !stopping.is_cancelled() {
        match look(worker).await {
            Ok(report) => publish(worker, report).await,
            Err(error) => {
                tracing::error!(backend.name = worker.backend_name, %error, "the driver does not report");
            }
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(worker.config.services.heartbeat()) => {}
        }
    }
    if let Err(error) = services::sign_off(&worker.database, &worker.service).await {
        tracing::warn!(%error, "the stop was not recorded");
    }
}

/// What the backend can take; its data paths are open again, should its data plane have died otherwise than
/// by a failover.
async fn look(worker: &Worker) -> Result<BackendReport, DriverError> {
    if worker.may_serve().await? && worker.driver.ensure_data_plane().await? {
        recover::restore_exports(worker).await;
    }
    worker.driver.report().await
}

async fn publish(worker: &Worker, report: BackendReport) {
    let recorded = tokio::try_join!(
        backends::report(&worker.database, worker.backend_id, &report),
        worker.confirm_alive(),
    );
    if let Err(error) = recorded {
        return tracing::warn!(%error, "the heartbeat was not recorded");
    }
    let lifetime = worker.config.services.heartbeat();
    let news = FanOut::BackendReport { backend: worker.backend_name.clone(), report };
    worker.bus.fan_out(Context::of_process(RequestId::random(), None, lifetime), news).await;
}
