//! The capability to fill volumes from images, and to make images of volumes.

use crate::error::DriverError;
use crate::fence::Fence;
use async_trait::async_trait;
use disk_image::{DiskImage, NewImage};
use model::Volume;
use uuid::Uuid;

/// Disks come from files, and go to files.
#[async_trait]
pub trait Images: Send + Sync {
    /// Gives the volume the content of an image, which is not larger than the volume; what is beyond is zeros. A volume that is there, and
    /// that no server uses, gets it in place of what it had, of which nothing is sure when this fails; it keeps its snapshots.
    async fn write_image(
        &self,
        volume: &Volume,
        image: &DiskImage,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Makes the volume's storage as a copy-on-write clone of the image with this id, which this storage has already, byte by byte, at one of
    /// these addresses of the image service's; `false`, and nothing has changed, where it has it at none that it may clone. What is beyond the image is zeros.
    /// Storage that shares nothing with the image service has it nowhere.
    async fn clone_image(
        &self,
        _volume: &Volume,
        _image: Uuid,
        _addresses: &[String],
        _fence: Fence,
    ) -> Result<bool, DriverError> {
        Ok(false)
    }

    /// Makes an image of the volume, which no server uses.
    async fn read_image(
        &self,
        volume: &Volume,
        image: &NewImage,
        fence: Fence,
    ) -> Result<(), DriverError>;
}
