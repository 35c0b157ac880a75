//! Data paths that nobody can connect to.

use crate::memory::FakeDriver;
use driver::{DriverError, Exports, Fence};
use model::{AttachMode, ConnectionInfo, Connector, Volume};
use serde_json::{Map, json};

#[driver::async_trait]
impl Exports for FakeDriver {
    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _connector: &Connector,
        _fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        self.open(volume, mode).await
    }

    async fn forget_host(
        &self,
        volume: &Volume,
        _mode: AttachMode,
        _connector: &Connector,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("forget_host", &volume.metadata).await
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("unexport", &volume.metadata).await?;
        self.memory().exports.remove(&(volume.id, mode));
        Ok(())
    }

    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        Ok(false)
    }

    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError> {
        self.memory().exports.insert((volume.id, mode));
        Ok(())
    }
}

impl FakeDriver {
    /// Opens a data path.
    pub(crate) async fn open(
        &self,
        volume: &Volume,
        mode: AttachMode,
    ) -> Result<ConnectionInfo, DriverError> {
        self.pretend("export", &volume.metadata).await?;
        self.memory().exports.insert((volume.id, mode));
        let data = Map::from_iter([("volume_id".to_owned(), json!(volume.id))]);
        Ok(ConnectionInfo { driver_volume_type: "fake".to_owned(), data })
    }
}
