//! Numbers that only grow, in the pool: the newest fencing token of a volume, the newest epoch of a backend.
//!
//! No command compares and sets. So each number is a key of its own in an object, which is written first; then all are read. Of two
//! workers that do this at once, the one with the lower number may pass only when it has read before the other one has written.

use crate::cluster::Cluster;
use crate::command_error::CommandError;
use driver::{DriverError, Fence};
use model::BackendId;
use std::fmt::Display;

/// With so many numbers in an object, all but the newest are removed.
const MOST_KEPT: usize = 16;

/// Notes a claim of a volume or snapshot; fails when a newer one was here. The note outlives the image, so that a worker that slept
/// through its removal cannot bring it back.
pub(crate) async fn claim(
    cluster: &Cluster,
    object: impl Display,
    fence: Fence,
) -> Result<(), DriverError> {
    let newest = note(cluster, &format!("cinderblock.fence.{object}"), fence.0).await?;
    if newest > fence.0 { Err(DriverError::Superseded) } else { Ok(()) }
}

/// Notes an epoch of a backend; fails when a newer one was here.
pub(crate) async fn enter_epoch(
    cluster: &Cluster,
    backend: BackendId,
    epoch: i64,
) -> Result<(), DriverError> {
    let newest = note(cluster, &epochs_of(backend), epoch).await?;
    require_newest(newest, epoch)
}

/// The same for a pool of a cluster that may be gone; `false` when it does not answer. Whatever else goes wrong is no sign of that.
pub(crate) async fn enter_epoch_if_it_lives(
    cluster: &Cluster,
    backend: BackendId,
    epoch: i64,
) -> Result<bool, DriverError> {
    match note(cluster, &epochs_of(backend), epoch).await {
        Ok(newest) => require_newest(newest, epoch).map(|()| true),
        Err(error) if error.is_silence() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Fails when a newer epoch of a backend was here.
pub(crate) async fn require_epoch(
    cluster: &Cluster,
    backend: BackendId,
    epoch: i64,
) -> Result<(), DriverError> {
    let listed = cluster.rados(&["listomapkeys", &epochs_of(backend)]).await?;
    require_newest(newest_of(&listed).unwrap_or(epoch), epoch)
}

fn epochs_of(backend: BackendId) -> String {
    format!("cinderblock.epoch.{backend}")
}

fn require_newest(newest: i64, epoch: i64) -> Result<(), DriverError> {
    if newest > epoch {
        return Err(DriverError::failed(format!(
            "the pool is in epoch {newest} of the backend, and epoch {epoch} is older: either a newer failover has overtaken this \
             worker, or the database is older than the pool"
        )));
    }
    Ok(())
}

fn newest_of(listed: &str) -> Option<i64> {
    listed.lines().filter_map(|key| key.parse().ok()).max()
}

/// Writes a number, and returns the largest that was ever written.
async fn note(cluster: &Cluster, object: &str, number: i64) -> Result<i64, CommandError> {
    let key = format!("{number:020}");
    cluster.rados(&["setomapval", object, &key, "1"]).await?;
    let listed = cluster.rados(&["listomapkeys", object]).await?;
    let newest = newest_of(&listed).unwrap_or(number);
    let keys: Vec<_> = listed.lines().collect();
    if keys.len() > MOST_KEPT {
        for old in keys.iter().filter(|key| key.parse::<i64>().is_ok_and(|old| old < newest)) {
            cluster.rados(&["rmomapkey", object, old]).await?;
        }
    }
    Ok(newest)
}
