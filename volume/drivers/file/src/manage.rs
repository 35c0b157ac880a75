//! Files of the array become volumes and snapshots, and cease to be some.

use crate::blocking::blocking;
use crate::file_driver::FileDriver;
use crate::object::Object;
use crate::replicas;
use driver::sizes::bytes;
use driver::{DriverError, Fence, Manage};
use model::{Manageable, Snapshot, StoredObject, Volume};

#[driver::async_trait]
impl Manage for FileDriver {
    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError> {
        let array = self.arrays.active_array();
        let directory = array.directory.clone();
        blocking(move || directory.list(what)).await
    }

    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let object = Object::Volume(volume.id);
        array.import_file(object, source_name, bytes(volume.size_gb), fence).await
    }

    async fn unmanage_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let _held = array.lock_exclusive(Object::Volume(volume.id), fence).await?;
        replicas::stop_mirror(&self.arrays, volume).await?;
        array.close(volume.id).await
    }

    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let object = Object::Snapshot(snapshot.id);
        array.import_file(object, source_name, bytes(snapshot.size_gb), fence).await
    }

    /// No data path leads to a snapshot, so nothing is open of it; a copy of it that an earlier worker has begun ends
    /// before.
    async fn unmanage_snapshot(
        &self,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        array.lock_exclusive(Object::Snapshot(snapshot.id), fence).await.map(drop)
    }
}
