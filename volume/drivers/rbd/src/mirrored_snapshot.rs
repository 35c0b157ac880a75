//! A snapshot of a volume that goes to its replica with a mirror snapshot: what is there then is the volume as it is now.

use crate::cluster::Cluster;
use crate::names::Purpose;
use crate::shapes::SnapshotNamespace;
use crate::{images, mirror};
use driver::DriverError;
use std::time::{Duration, Instant};

/// How long the snapshot may take to be on the target.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether it is.
const PAUSE: Duration = Duration::from_millis(200);

/// Does something with a snapshot that is on both sides, and removes it; `None` when it does not arrive in time.
pub(crate) async fn with_one<T>(
    (from, to): (&Cluster, &Cluster),
    image: &str,
    purpose: Purpose,
    work: impl AsyncFnOnce(&str) -> Result<T, DriverError>,
) -> Result<Option<T>, DriverError> {
    remove_others(from, image, purpose).await?;
    let snapshot = purpose.snapshot();
    images::create_snapshot(from, image, &snapshot).await?;
    let done = match arrives((from, to), image, &snapshot).await {
        Ok(true) => work(&snapshot).await.map(Some),
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    images::remove_snapshot(from, image, &snapshot).await?;
    done
}

/// Removes those of workers that died.
async fn remove_others(from: &Cluster, image: &str, purpose: Purpose) -> Result<(), DriverError> {
    for one in images::snapshots(from, image).await? {
        if one.namespace == SnapshotNamespace::User && purpose.is_of(&one.name) {
            images::remove_snapshot(from, image, &one.name).await?;
        }
    }
    Ok(())
}

async fn arrives(
    (from, to): (&Cluster, &Cluster),
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
