//! Volumes are opened for other arrays, and imported from them.

use crate::blocking::blocking;
use crate::connection::nbd_uri;
use crate::data_paths::open_nbd;
use crate::file_driver::FileDriver;
use crate::import::Import;
use crate::object::Object;
use driver::sizes::bytes;
use driver::{DriverError, Fence, Migration, Volumes};
use model::{AttachMode, ConnectionInfo, Volume};

#[driver::async_trait]
impl Migration for FileDriver {
    async fn open_for_import(
        &self,
        volume: &Volume,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        let array = self.arrays.active_array();
        let _held = array.lock_exclusive(Object::Volume(volume.id), fence).await?;
        self.arrays.require_active(&array).await?;
        // nobody writes
        open_nbd(&array, volume.id, AttachMode::ReadOnly, None).await
    }

    async fn close_after_import(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        array.daemon.unexport(volume.id, AttachMode::ReadOnly).await
    }

    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let target = Object::Volume(volume.id);
        let _held = array.lock_exclusive(target, fence).await?;
        let Some(uri) = nbd_uri(connection) else {
            let protocol = &connection.driver_volume_type;
            return Err(DriverError::failed(format!("a volume cannot be read over {protocol}")));
        };
        if array.is_here(connection)? {
            return Err(DriverError::failed("source and destination are the same array"));
        }
        let (directory, size) = (array.directory.clone(), bytes(volume.size_gb));
        blocking(move || directory.prepare_copy(target, size)).await?;
        let copy = Import::new(&array.daemon, uri, volume.id)?;
        copy.carry_out(&array.directory.unfinished(target)).await?;
        let directory = array.directory.clone();
        blocking(move || directory.finish_copy(target, size)).await
    }

    async fn discard_import(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        // what is here of this name may be the volume itself
        if array.is_here(connection)? { Ok(()) } else { self.delete_volume(volume, fence).await }
    }
}
