//! Replication: a backend's volumes are kept as their types ask, as long as it serves from its own side.

use crate::driver::DriverError;
use crate::worker::Worker;
use common::db::volumes;
use tokio_util::sync::CancellationToken;

/// Looks regularly until the process stops. How soon a replica is known to be out of step depends on how
/// often this is.
pub(crate) async fn replicate_regularly(worker: &Worker, stopping: &CancellationToken) {
    if !worker.has_targets() {
        return;
    }
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(worker.config.volume.sweep()) => {}
        }
        if let Err(error) = replicate(worker).await {
            tracing::warn!(backend.name = worker.backend_name, %error, "replication does not go on");
        }
    }
}

async fn replicate(worker: &Worker) -> Result<(), DriverError> {
    if !worker.may_serve().await? {
        return Ok(());
    }
    match volumes::to_replicate(&worker.database, worker.backend_id).await? {
        Some(volumes) => worker.driver.replicate(&volumes).await,
        None => Ok(()),
    }
}
