//! Data paths: a server opens an image by itself. What can be done for it is to tell it how, and against it to cut it off.

use crate::connection::connection_info;
use crate::rbd_driver::RbdDriver;
use crate::{images, names, records, watchers};
use driver::{DriverError, Exports, Fence};
use model::{AttachMode, ConnectionInfo, Connector, Side, Volume};
use serde_json::Value;

#[driver::async_trait]
impl Exports for RbdDriver {
    async fn export(
        &self,
        volume: &Volume,
        _mode: AttachMode,
        _connector: &Connector,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let image = names::image(volume.id);
        if images::info(&cluster, &image).await?.is_none() {
            return Err(DriverError::failed(format!("there is no image {image}")));
        }
        let monitors = self.monitors_of_active_side().await?;
        let (secret, name) =
            (self.secret_uuid_of(&self.sides.active()), &self.config.rbd.rbd_cluster_name);
        Ok(connection_info(&cluster, volume.id, &image, &monitors, secret, name))
    }

    async fn forget_host(
        &self,
        volume: &Volume,
        mode: AttachMode,
        connector: &Connector,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        match (mode, connector.get("ip").and_then(Value::as_str)) {
            (AttachMode::ReadWrite, Some(address)) => {
                watchers::cut_off_host(&cluster, &names::image(volume.id), address).await
            }
            // whoever only reads does not let the cluster know, and cannot change anything
            (AttachMode::ReadOnly, _) | (AttachMode::ReadWrite, None) => Ok(()),
        }
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        match mode {
            AttachMode::ReadWrite => watchers::cut_off(&cluster, &names::image(volume.id)).await,
            AttachMode::ReadOnly => Ok(()),
        }
    }

    /// The cluster carries them.
    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        Ok(false)
    }

    /// The cluster has them open.
    async fn restore_export(&self, _: &Volume, _: AttachMode) -> Result<(), DriverError> {
        Ok(())
    }
}

impl RbdDriver {
    /// The secret in libvirt by which a hypervisor has the key of a side's user.
    pub(crate) fn secret_uuid_of(&self, side: &Side) -> Option<&str> {
        let Some(target) = side.target() else {
            return self.config.rbd.rbd_secret_uuid.as_deref();
        };
        let mut devices = self.config.replication_device.iter();
        devices.find(|device| device.backend_id == target)?.secret_uuid.as_deref()
    }
}
