//! Data paths to the files of the array that serves.

use crate::file_driver::FileDriver;
use crate::object::Object;
use crate::{data_paths, replicas};
use configuration::TargetProtocol;
use driver::{DriverError, Exports, Fence};
use model::{AttachMode, ConnectionInfo, Connector, Volume};

#[driver::async_trait]
impl Exports for FileDriver {
    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        connector: &Connector,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        let array = self.arrays.active_array();
        // not while it is copied without the daemon
        let _held = array.lock_exclusive(Object::Volume(volume.id), fence).await?;
        self.arrays.require_active(&array).await?;
        let mirror = replicas::mirror_of(&self.arrays, volume.id, volume.size_gb);
        data_paths::open(&array, volume.id, mode, connector, mirror.as_ref()).await
    }

    async fn forget_host(
        &self,
        volume: &Volume,
        mode: AttachMode,
        connector: &Connector,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        match self.config.file.target_protocol {
            // whoever reaches the socket needs nothing but the export's name
            TargetProtocol::Nbd => Ok(()),
            TargetProtocol::Iscsi => {
                let array = self.arrays.active_array();
                array.targets.forget_host(volume.id, mode, connector).await
            }
        }
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        match array.protocol {
            TargetProtocol::Nbd => array.daemon.unexport(volume.id, mode).await,
            TargetProtocol::Iscsi => array.targets.unexport(volume.id, mode).await,
        }
    }

    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        let array = self.arrays.active_array();
        self.arrays.require_active(&array).await?;
        let was_started = array.ensure_data_plane().await?;
        // a failover may have ended it meanwhile
        if let Err(left) = self.arrays.require_active(&array).await {
            array.daemon.end().await?;
            return Err(left);
        }
        Ok(was_started)
    }

    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let _kept = array.lock_shared(Object::Volume(volume.id)).await?;
        self.arrays.require_active(&array).await?;
        let mirror = replicas::mirror_of(&self.arrays, volume.id, volume.size_gb);
        data_paths::restore(&array, volume.id, mode, mirror.as_ref()).await
    }
}
