//! Images and their snapshots. What is done twice ends where it would have ended once.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::shapes::{ImageInfo, ImageSnapshot, Listed, SnapshotNamespace};
use crate::{names, watchers};
use driver::DriverError;
use std::path::Path;

/// How an image is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Making {
    /// The size of its objects, in MiB.
    pub object_mib: u32,
    /// Whether several hosts write to it at once, so that none may have it for itself.
    pub is_shared: bool,
}

/// What is known of an image; `None` when it is certain that there is none.
pub(crate) async fn info(
    cluster: &Cluster,
    image: &str,
) -> Result<Option<ImageInfo>, CommandError> {
    match cluster.rbd_prints(&["info", "--image", image]).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.is(errno::NOENT) => {
            cluster.require_no_image(image, error).await.map(|()| None)
        }
        Err(error) => Err(error),
    }
}

/// Makes an empty image.
pub(crate) async fn create(
    cluster: &Cluster,
    image: &str,
    size: u64,
    making: Making,
) -> Result<(), CommandError> {
    let (bytes, object_size) = (format!("{size}B"), format!("{}M", making.object_mib));
    let mut command = vec!["create", "--image", image, "--size", &bytes];
    command.extend(["--object-size", &object_size]);
    if making.is_shared {
        command.extend(["--image-feature", "layering"]);
    }
    let Err(error) = cluster.rbd(&command).await else { return Ok(()) };
    if !error.is(errno::EXIST) {
        return Err(error);
    }
    match cluster.rbd_prints::<ImageInfo>(&["info", "--image", image]).await {
        Ok(_) => grow(cluster, image, size).await,
        // whoever made it died over it
        Err(incomplete) if incomplete.is(errno::NOENT) => {
            cluster.rbd_over_data(&["rm", "--image", image]).await?;
            cluster.rbd(&command).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Makes an image of what a file has; what there was of its name is lost.
pub(crate) async fn import(
    cluster: &Cluster,
    disk: &Path,
    image: &str,
    making: Making,
) -> Result<(), DriverError> {
    let (disk, object_size) = (disk.display().to_string(), format!("{}M", making.object_mib));
    let mut command = vec!["import", "--path", &disk, "--dest-pool", &cluster.pool];
    command.extend(["--dest", image, "--object-size", &object_size, "--no-progress"]);
    if making.is_shared {
        command.extend(["--image-feature", "layering"]);
    }
    match cluster.rbd_over_data(&command).await {
        Err(error) if error.is(errno::EXIST) => {
            remove(cluster, image).await?;
            Ok(cluster.rbd_over_data(&command).await.map(drop)?)
        }
        imported => Ok(imported.map(drop)?),
    }
}

/// Writes what an image has to a file.
pub(crate) async fn export(
    cluster: &Cluster,
    image: &str,
    disk: &Path,
) -> Result<(), CommandError> {
    match tokio::fs::remove_file(disk).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(CommandError::NotRun { program: "rbd", reason: error });
        }
        _ => {}
    }
    let disk = disk.display().to_string();
    let command = ["export", "--image", image, "--path", &disk, "--no-progress"];
    cluster.rbd_over_data(&command).await.map(drop)
}

/// Makes an image at least so large.
pub(crate) async fn grow(cluster: &Cluster, image: &str, size: u64) -> Result<(), CommandError> {
    let bytes = format!("{size}B");
    match cluster.rbd(&["resize", "--image", image, "--size", &bytes, "--no-progress"]).await {
        // it has that size, or a larger one
        Err(error) if error.is(errno::INVAL) => match info(cluster, image).await? {
            Some(known) if known.size >= size => Ok(()),
            _ => Err(error),
        },
        resized => resized.map(drop),
    }
}

/// Removes an image; whoever has it open loses it. With clones it goes to the trash, for as long as they live.
pub(crate) async fn remove(cluster: &Cluster, image: &str) -> Result<(), DriverError> {
    match remove_unused(cluster, image).await {
        Err(error) if error.is(errno::BUSY) => {
            watchers::cut_off(cluster, image).await?;
            remove_unused(cluster, image).await.map_err(DriverError::from)?;
        }
        Err(error) if error.is(errno::NOTEMPTY) => {
            watchers::cut_off(cluster, image).await?;
            remove_with_snapshots(cluster, image).await?;
        }
        removed => removed?,
    }
    // it had its new name, and was not in the trash yet
    let renamed = names::deleted(image);
    match cluster.rbd(&["trash", "mv", "--image", &renamed]).await {
        Err(error) if !error.is(errno::NOENT) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes an image that nobody has open, and that has no snapshots.
pub(crate) async fn remove_unused(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    match cluster.rbd_over_data(&["rm", "--image", image, "--no-progress"]).await {
        Err(error) if error.is(errno::NOENT) => cluster.require_no_image(image, error).await,
        removed => removed.map(drop),
    }
}

async fn remove_with_snapshots(cluster: &Cluster, image: &str) -> Result<(), DriverError> {
    let all = snapshots(cluster, image).await?;
    let of_user = all.iter().filter(|one| one.namespace == SnapshotNamespace::User);
    for ImageSnapshot { name, .. } in of_user {
        if !names::is_copy_snapshot(name) {
            return Err(DriverError::failed(format!("{image} has the snapshot {name}")));
        }
        // whoever made it died over the clone
        remove_snapshot(cluster, image, name).await?;
    }
    match remove_unused(cluster, image).await {
        Err(error) if error.is(errno::NOTEMPTY) => {}
        removed => return Ok(removed?),
    }
    let deleted = names::deleted(image);
    cluster.rbd(&["rename", "--image", image, "--dest", &deleted]).await?;
    cluster.rbd(&["trash", "mv", "--image", &deleted]).await?;
    Ok(())
}

/// Makes an image that has the content of a snapshot, perhaps of another pool, and shares it.
pub(crate) async fn clone(
    from: &Cluster,
    (image, snapshot): (&str, &str),
    to: &Cluster,
    target: &str,
) -> Result<(), DriverError> {
    let command = ["clone", "--image", image, "--snap", snapshot, "--dest", target];
    let command = [&command[..], &["--dest-pool", &to.pool]].concat();
    // what such a clone was made of can be removed
    let command = [&command[..], &["--rbd-default-clone-format", "2"]].concat();
    match from.rbd(&command).await {
        Err(error) if error.is(errno::EXIST) => {
            // nobody knows how far the worker came that began it
            remove(to, target).await?;
            from.rbd(&command).await?;
        }
        made => drop(made?),
    }
    Ok(())
}

/// Gives an image another name, unless it has it already.
pub(crate) async fn rename(cluster: &Cluster, image: &str, to: &str) -> Result<(), CommandError> {
    match cluster.rbd(&["rename", "--image", image, "--dest", to]).await {
        Err(error) if error.is(errno::NOENT) && info(cluster, to).await?.is_some() => Ok(()),
        renamed => renamed.map(drop),
    }
}

/// Keeps the content that an image has now.
pub(crate) async fn create_snapshot(
    cluster: &Cluster,
    image: &str,
    snapshot: &str,
) -> Result<(), CommandError> {
    let command = ["snap", "create", "--image", image, "--snap", snapshot, "--no-progress"];
    match cluster.rbd(&command).await {
        Err(error) if error.is(errno::EXIST) => Ok(()),
        made => made.map(drop),
    }
}

/// Removes a snapshot; clones of it live on.
pub(crate) async fn remove_snapshot(
    cluster: &Cluster,
    image: &str,
    snapshot: &str,
) -> Result<(), CommandError> {
    let command = ["snap", "rm", "--image", image, "--snap", snapshot, "--no-progress"];
    match cluster.rbd_over_data(&command).await {
        // the snapshot, or the image with all of them
        Err(error) if error.is(errno::NOENT) => {
            let name = format!("{image}@{snapshot}");
            match snapshots(cluster, image).await {
                Ok(left) if !has_snapshot(&left, snapshot) => Ok(()),
                Ok(_) => Err(error),
                Err(gone) if gone.is(errno::NOENT) => {
                    tracing::debug!(name, "its image is not there either");
                    cluster.require_no_image(image, gone).await
                }
                Err(error) => Err(error),
            }
        }
        removed => removed.map(drop),
    }
}

/// Gives a snapshot another name, unless it has it already.
pub(crate) async fn rename_snapshot(
    cluster: &Cluster,
    image: &str,
    snapshot: &str,
    to: &str,
) -> Result<(), CommandError> {
    let command = ["snap", "rename", "--image", image, "--snap", snapshot];
    let command = [&command[..], &["--dest", image, "--dest-snap", to]].concat();
    let Err(error) = cluster.rbd(&command).await else { return Ok(()) };
    if !error.is(errno::NOENT) {
        return Err(error);
    }
    let all = snapshots(cluster, image).await?;
    if has_snapshot(&all, to) { Ok(()) } else { Err(error) }
}

/// The snapshots of an image, whoever made them.
pub(crate) async fn snapshots(
    cluster: &Cluster,
    image: &str,
) -> Result<Vec<ImageSnapshot>, CommandError> {
    cluster.rbd_prints(&["snap", "ls", "--all", "--image", image]).await
}

/// Whether there is a snapshot of this name among those of an image.
pub(crate) fn has_snapshot(all: &[ImageSnapshot], name: &str) -> bool {
    all.iter().any(|one| one.namespace == SnapshotNamespace::User && one.name == name)
}

/// All images of the pool, with their snapshots.
pub(crate) async fn list(cluster: &Cluster) -> Result<Vec<Listed>, CommandError> {
    cluster.rbd_prints_over_data(&["ls", "--long"]).await
}
