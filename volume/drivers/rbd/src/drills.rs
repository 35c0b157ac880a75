//! Copies of replicas for drills: clones on the target, of a snapshot that goes there with the next mirror snapshot.

use crate::cluster::Cluster;
use crate::names::Purpose;
use crate::{images, mirror, mirrored_snapshot, names};
use driver::DriverError;
use model::VolumeId;
use std::time::{Duration, Instant};

/// Makes a copy of a replica, as the volume is now; `None` when it is not mirrored, or does not arrive in time.
pub(crate) async fn copy(
    from: &Cluster,
    to: &Cluster,
    id: VolumeId,
) -> Result<Option<Duration>, DriverError> {
    let (image, name) = (names::image(id), names::drill(id));
    let info = images::info(from, &image).await?;
    if !mirror::of(info.as_ref()).is_some_and(|mirroring| mirroring.primary) {
        return Ok(None);
    }
    let began = Instant::now();
    images::remove(to, &name).await?;
    // the clone keeps what it needs of the snapshot
    let clone = async |snapshot: &str| images::clone(to, (&image, snapshot), to, &name).await;
    let made = mirrored_snapshot::with_one((from, to), &image, Purpose::Drill, clone).await?;
    Ok(made.map(|()| began.elapsed()))
}

/// Whether a side has a copy.
pub(crate) async fn is_there(cluster: &Cluster, id: VolumeId) -> bool {
    let info = images::info(cluster, &names::drill(id)).await;
    info.is_ok_and(|info| info.is_some())
}

/// Removes a copy, whoever uses it.
pub(crate) async fn remove(cluster: &Cluster, id: VolumeId) -> Result<(), DriverError> {
    images::remove(cluster, &names::drill(id)).await
}
