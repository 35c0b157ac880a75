//! Images of volumes in memory: nothing but their sizes is kept.

use crate::memory::FakeDriver;
use disk_image::{DiskImage, NewImage};
use driver::{DriverError, Fence, Images};
use model::Volume;

#[driver::async_trait]
impl Images for FakeDriver {
    async fn write_image(
        &self,
        volume: &Volume,
        _image: &DiskImage,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("write_image", &volume.metadata).await?;
        self.memory().volumes.insert(volume.id, volume.size_gb);
        Ok(())
    }

    /// The image is that of an empty disk.
    async fn read_image(
        &self,
        volume: &Volume,
        image: &NewImage,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("read_image", &volume.metadata).await?;
        let disk = image.path.with_extension("raw");
        let empty = tokio::fs::File::create(&disk).await.map_err(|error| failed(&error))?;
        empty
            .set_len(driver::sizes::bytes(volume.size_gb))
            .await
            .map_err(|error| failed(&error))?;
        Ok(image.make_of_raw(&disk).await?)
    }
}

fn failed(error: &std::io::Error) -> DriverError {
    DriverError::failed(error.to_string())
}
