//! Replication: a backend's volumes are kept as their types ask, as long as it serves from its own side.

use crate::driver::{DriverError, Replica, Replicas};
use crate::worker::Worker;
use common::db::volumes;
use common::model::ReplicationProgress;
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
    let Some(volumes) = volumes::to_replicate(database, backend).await? else { return Ok(()) };
    let Replicas { driver_data, each } = worker.driver.replicate(&volumes).await?;
    let (in_step, behind): (Vec<_>, Vec<_>) = each.iter().partition(|one| one.missing == 0);
    let ids = |replicas: Vec<Replica>| replicas.iter().map(|one| one.id).collect::<Vec<_>>();
    let (in_step, behind) = (ids(in_step), ids(behind));
    let driver_data = driver_data.as_deref();
    volumes::record_replicas(database, backend, &in_step, &behind, driver_data).await?;
    worker.progress.set(ReplicationProgress {
        total: volumes.len(),
        in_step: in_step.len(),
        bytes_left: each.iter().map(|one| one.missing).sum(),
        behind,
    });
    Ok(())
}
