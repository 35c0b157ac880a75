//! Volumes get the content of images, which are files, and give it.

use crate::clones::{self, Source};
use crate::cluster::Cluster;
use crate::rbd_driver::RbdDriver;
use crate::stored_image::StoredImage;
use crate::{images, names, records, watchers};
use disk_image::{DiskFormat, DiskImage, NewImage};
use driver::sizes::bytes;
use driver::{DriverError, Fence, Images};
use model::Volume;
use std::path::{Path, PathBuf};
use uuid::Uuid;

#[driver::async_trait]
impl Images for RbdDriver {
    async fn write_image(
        &self,
        volume: &Volume,
        image: &DiskImage,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let disk = disk_beside(image.path());
        image.write_raw(&disk).await?;
        // that may have taken long
        records::claim(&cluster, volume.id, fence).await?;
        let (name, size) = (names::image(volume.id), bytes(volume.size_gb));
        if images::info(&cluster, &name).await?.is_some() {
            overwrite(&cluster, &name, &disk, size).await?;
        } else {
            let unfinished = names::unfinished(&name);
            images::import(&cluster, &disk, &unfinished, self.making(volume)).await?;
            images::grow(&cluster, &unfinished, size).await?;
            images::rename(&cluster, &unfinished, &name).await?;
        }
        self.known_sizes().lock().await.remember(name, size);
        Ok(())
    }

    async fn clone_image(
        &self,
        volume: &Volume,
        image: Uuid,
        addresses: &[String],
        fence: Fence,
    ) -> Result<bool, DriverError> {
        let pools = &self.config.rbd.rbd_image_pools;
        if pools.is_empty() || addresses.is_empty() {
            return Ok(false);
        }
        let cluster = self.sides.active_cluster();
        let fsid = self.monitors_of_active_side().await?.fsid;
        let Some(stored) =
            addresses.iter().find_map(|one| StoredImage::at(one, image, &fsid, pools))
        else {
            return Ok(false);
        };
        records::claim(&cluster, volume.id, fence).await?;
        let size = bytes(volume.size_gb);
        let source = Source::Stored(stored);
        let flattening = self.flattening(volume, &source);
        clones::make(&cluster, volume.id, &source, size, flattening).await?;
        self.known_sizes().lock().await.remember(names::image(volume.id), size);
        Ok(true)
    }

    async fn read_image(
        &self,
        volume: &Volume,
        image: &NewImage,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let name = names::image(volume.id);
        if image.format == DiskFormat::Raw {
            return Ok(images::export(&cluster, &name, &image.path).await?);
        }
        let disk = disk_beside(&image.path);
        images::export(&cluster, &name, &disk).await?;
        Ok(image.make_of_raw(&disk).await?)
    }
}

/// An image gets what a disk has, and zeros beyond. It keeps its snapshots. No server uses it: who has it open is the command of a worker that
/// was killed.
async fn overwrite(
    cluster: &Cluster,
    image: &str,
    disk: &Path,
    size: u64,
) -> Result<(), DriverError> {
    watchers::cut_off(cluster, image).await?;
    Ok(cluster.rbd_reads_diff(image, disk, size).await?)
}

/// The commands read and write disks, and nothing else.
fn disk_beside(image: &Path) -> PathBuf {
    image.with_extension("raw")
}
