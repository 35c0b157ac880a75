//! Replication: a backend's volumes are kept as their types ask, as long as it serves from its own side.

use crate::driver::{DriverError, Replicas};
use crate::worker::Worker;
use database::volumes::{self, ToReplicate};
use model::{ReplicationProgress, VolumeId};
use tokio_util::sync::CancellationToken;

/// Looks regularly until the process stops. How soon a replica is known to be out of step depends on how
/// often this is.
pub(crate) async fn replicate_regularly(worker: &Worker, stopping: &CancellationToken) {
    if !worker.has_targets {
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
    let (database, backend) = (&worker.database, worker.backend_id);
    let Some(asked) = volumes::to_replicate(database, backend).await? else { return Ok(()) };
    let replicas = worker.driver.replicate(&asked.volumes).await?;
    record(worker, &asked, &replicas).await
}

async fn record(
    worker: &Worker,
    asked: &ToReplicate,
    replicas: &Replicas,
) -> Result<(), DriverError> {
    let ids = |is_in_step: bool| -> Vec<VolumeId> {
        let those = replicas.each.iter().filter(|one| (one.missing == 0) == is_in_step);
        those.map(|one| one.id).collect()
    };
    let (in_step, behind) = (ids(true), ids(false));
    let (database, driver_data) = (&worker.database, replicas.driver_data.as_deref());
    volumes::record_replicas(database, worker.backend_id, &in_step, &behind, driver_data).await?;
    worker.progress.set(ReplicationProgress {
        total: asked.volumes.len(),
        in_step: in_step.len(),
        bytes_left: replicas.each.iter().map(|one| one.missing).sum(),
        behind,
        looked_at: Some(asked.asked_at),
    });
    Ok(())
}
