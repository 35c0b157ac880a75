//! Copy-on-write clones of snapshots and of volumes.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::shapes::ImageInfo;
use crate::stored_image::StoredImage;
use crate::{images, names};
use driver::DriverError;
use model::VolumeId;

/// What is cloned.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A snapshot of an image.
    Snapshot { image: String, snapshot: String },
    /// What an image is now.
    Image(String),
    /// An image of the image service's, in another pool.
    Stored(StoredImage),
}

/// What becomes of a clone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flattening {
    /// Whether the clone gets a copy of everything in any case.
    pub always: bool,
    /// How many images a clone may stand on, one above the other; with 0, every clone gets a copy of everything.
    pub most: usize,
}

/// Makes a volume's image as a clone, or as a copy of everything. It gets its name when it is whole.
pub(crate) async fn make(
    cluster: &Cluster,
    target: VolumeId,
    source: &Source,
    size: u64,
    flattening: Flattening,
) -> Result<(), DriverError> {
    let image = names::image(target);
    if images::info(cluster, &image).await?.is_some() {
        // it was whole already
        return Ok(images::grow(cluster, &image, size).await?);
    }
    let unfinished = names::unfinished(&image);
    match source {
        Source::Snapshot { image, snapshot } => {
            images::clone(cluster, (image, snapshot), cluster, &unfinished).await?;
        }
        Source::Stored(StoredImage { pool, image, snapshot }) => {
            let images = cluster.in_pool_of_images(pool);
            images::clone(&images, (image, snapshot), cluster, &unfinished).await?;
        }
        Source::Image(image) => {
            let snapshot = names::copy_snapshot(target);
            images::create_snapshot(cluster, image, &snapshot).await?;
            images::clone(cluster, (image, &snapshot), cluster, &unfinished).await?;
            // the clone keeps what it needs of it
            images::remove_snapshot(cluster, image, &snapshot).await?;
        }
    }
    grow(cluster, &unfinished, size).await?;
    let is_deeper = match source {
        Source::Snapshot { image, .. } | Source::Image(image) => {
            is_deeper(cluster, image, flattening.most).await?
        }
        Source::Stored(_) => flattening.most == 0,
    };
    if flattening.always || is_deeper {
        flatten(cluster, &unfinished).await?;
    }
    Ok(images::rename(cluster, &unfinished, &image).await?)
}

/// The clone has the volume's size; what it was made of may not be larger.
async fn grow(cluster: &Cluster, unfinished: &str, size: u64) -> Result<(), DriverError> {
    images::grow(cluster, unfinished, size).await?;
    match images::info(cluster, unfinished).await? {
        Some(info) if info.size > size => {
            images::remove(cluster, unfinished).await?;
            let text = format!("what it is made of has {} bytes, more than the volume", info.size);
            Err(DriverError::failed(text))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether an image stands on so many others that what stands on it would be one too many.
async fn is_deeper(cluster: &Cluster, image: &str, most: usize) -> Result<bool, CommandError> {
    let mut image = image.to_owned();
    for _ in 0..most {
        let info: ImageInfo = cluster.rbd_prints(&["info", "--image", &image]).await?;
        match info.parent {
            // one in the trash has no name by which it could be asked for what it stands on
            Some(parent) if parent.trash || parent.pool != cluster.pool => return Ok(false),
            Some(parent) => image = parent.image,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// An image gets a copy of everything that it stands on.
pub(crate) async fn flatten(cluster: &Cluster, image: &str) -> Result<(), CommandError> {
    match cluster.rbd_over_data(&["flatten", "--image", image, "--no-progress"]).await {
        // it has no parent any more
        Err(error) if error.is(errno::INVAL) => Ok(()),
        flattened => flattened.map(drop),
    }
}
