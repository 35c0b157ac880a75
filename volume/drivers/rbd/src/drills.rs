//! Copies of replicas for drills: clones on the target, of a snapshot that goes there with the next mirror snapshot.

use crate::cluster::Cluster;
use crate::mirror;
use crate::{images, names};
use driver::DriverError;
use model::VolumeId;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long the snapshot may take to be on the target.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether it is.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes a copy of a replica, as the volume is now; `None` when it is not mirrored, or does not arrive in time.
pub(crate) async fn copy(
    from: &Cluster,
    to: &Cluster,
    id: VolumeId,
) -> Result<Option<Duration>, DriverError> {
    let (image, name, snapshot) =
        (names::image(id), names::drill(id), names::drill_snapshot(Uuid::new_v4()));
    let info = images::info(from, &image).await?;
    if !mirror::of(info.as_ref()).is_some_and(|mirroring| mirroring.primary) {
        return Ok(None);
    }
    let began = Instant::now();
    images::remove(to, &name).await?;
    images::create_snapshot(from, &image, &snapshot).await?;
    let made = match arrives(from, to, &image, &snapshot).await {
        Ok(true) => {
            images::clone(to, (&image, &snapshot), &name).await.map(|()| Some(began.elapsed()))
        }
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    // the clone keeps what it needs of it
    images::remove_snapshot(from, &image, &snapshot).await?;
    made
}

/// Whether a snapshot of an image, which has just been made, comes to its copy.
pub(crate) async fn arrives(
    from: &Cluster,
    to: &Cluster,
    image: &str,
    snapshot: &str,
) -> Result<bool, DriverError> {
    let taken = mirror::take(from, image).await?;
    let began = Instant::now();
    while began.elapsed() < ARRIVAL_TIMEOUT {
        let copy = mirror::snapshots(to, image).await?.unwrap_or_default();
        if images::has_snapshot(&copy, snapshot) && mirror::has_arrived(taken, &copy) {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
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
