//! Object maps: which objects an image has, so that the others are not looked for.
//!
//! `rbd-mirror` leaves each mirror snapshot of a copy with the object map of the one before (seen with Ceph 16.2). A forced promotion that
//! finds a snapshot half copied rolls the image back to the last one that is complete, and believes that map: it would remove all objects
//! that were new then. Without a map, every object is looked at.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::shapes::{ImageInfo, SnapshotNamespace};
use crate::{images, mirror};

/// What `rbd info` says of an image whose object map is not believed.
const INVALID: &str = "object map invalid";

/// Removes the object maps of a copy's mirror snapshots, which end with its promotion.
pub(crate) async fn remove_of_mirror_snapshots(
    cluster: &Cluster,
    image: &str,
) -> Result<(), CommandError> {
    let (Some(info), Some(snapshots)) =
        (images::info(cluster, image).await?, mirror::snapshots(cluster, image).await?)
    else {
        return Ok(());
    };
    let of_mirror =
        |namespace: &SnapshotNamespace| matches!(namespace, SnapshotNamespace::Mirror { .. });
    for snapshot in snapshots.iter().filter(|one| of_mirror(&one.namespace)) {
        let map = format!("rbd_object_map.{}.{:016x}", info.id, snapshot.id);
        match cluster.rados(&["rm", &map]).await {
            // an earlier attempt has removed it, or the image has none
            Err(error) if error.is(errno::NOENT) && error.complains_of(&map) => {}
            removed => removed.map(drop)?,
        }
    }
    Ok(())
}

/// Makes an image's object map anew when it is not believed: without one, every mirror snapshot looks at all objects.
pub(crate) async fn rebuild_if_invalid(
    cluster: &Cluster,
    image: &str,
    info: &ImageInfo,
) -> Result<(), CommandError> {
    if !info.flags.iter().any(|flag| flag == INVALID) {
        return Ok(());
    }
    let rebuild = ["object-map", "rebuild", "--image", image, "--no-progress"];
    cluster.rbd_over_data(&rebuild).await.map(drop)
}
