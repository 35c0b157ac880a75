//! Volumes get the content of images, and give it.

use crate::array::Array;
use crate::blocking::blocking;
use crate::file_driver::FileDriver;
use crate::io_error::unusable;
use crate::object::Object;
use crate::room::require_room;
use crate::{data_paths, replicas};
use disk_image::{DiskImage, NewImage};
use driver::sizes::bytes;
use driver::{DriverError, Fence, Images};
use model::Volume;

/// What of the array's file system an image leaves free, in percent: the rest is for servers that go on to write.
const KEPT_FREE_PERCENT: u64 = 1;

#[driver::async_trait]
impl Images for FileDriver {
    async fn write_image(
        &self,
        volume: &Volume,
        image: &DiskImage,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let target = Object::Volume(volume.id);
        let _held = array.lock_exclusive(target, fence).await?;
        replicas::stop_mirror(&self.arrays, volume).await?;
        let was_open = array.close_unused(volume.id).await?;
        let written = write(&array, target, image, bytes(volume.size_gb)).await;
        data_paths::open_again(&array, volume.id, was_open).await?;
        written
    }

    async fn read_image(
        &self,
        volume: &Volume,
        image: &NewImage,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let source = Object::Volume(volume.id);
        let _held = array.lock_exclusive(source, fence).await?;
        let directory = array.directory.clone();
        blocking(move || directory.require_whole(source)).await?;
        Ok(image.make_of_raw(&array.directory.file(source)).await?)
    }
}

/// The volume gets it as a whole.
async fn write(
    array: &Array,
    target: Object,
    image: &DiskImage,
    size: u64,
) -> Result<(), DriverError> {
    let (directory, file) = (array.directory.clone(), image.path().to_owned());
    blocking(move || {
        // what it needs at least: it may be compressed
        let needed = file.metadata().map_err(|error| unusable(&file, &error))?.len();
        require_room(&directory, needed, KEPT_FREE_PERCENT)?;
        directory.prepare_copy(target, size)
    })
    .await?;
    image.write_raw(&array.directory.unfinished(target)).await?;
    let directory = array.directory.clone();
    blocking(move || directory.finish_copy(target, size)).await
}
