//! Volumes move between backends in memory.

use crate::memory::FakeDriver;
use driver::{DriverError, Exports, Fence, Migration, Volumes};
use model::{AttachMode, ConnectionInfo, Volume};

#[driver::async_trait]
impl Migration for FakeDriver {
    async fn open_for_import(
        &self,
        volume: &Volume,
        _fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        self.open(volume, AttachMode::ReadOnly).await
    }

    async fn close_after_import(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        self.unexport(volume, AttachMode::ReadOnly, fence).await
    }

    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("import_volume", &volume.metadata).await?;
        if connection.driver_volume_type != "fake" {
            return Err(DriverError::failed("a fake backend imports only from fake backends"));
        }
        self.memory().volumes.insert(volume.id, volume.size_gb);
        Ok(())
    }

    async fn discard_import(
        &self,
        volume: &Volume,
        _connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        self.delete_volume(volume, fence).await
    }
}
