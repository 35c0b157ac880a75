//! The capability to manage and unmanage storage that exists.

use crate::error::DriverError;
use crate::fence::Fence;
use async_trait::async_trait;
use model::{Manageable, Snapshot, StoredObject, Volume};

/// Storage that exists becomes a volume or a snapshot; and ceases to be one, and keeps its data.
#[async_trait]
pub trait Manage: Send + Sync {
    /// The stored objects that are or could become volumes or snapshots. An object's `id` is the one in its name;
    /// whether there still is such a volume or snapshot, the caller must find out.
    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError>;

    /// Makes the object of this name the volume's storage, of the volume's size. The name is free afterwards.
    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Closes everything that is open of the volume, and keeps its storage.
    async fn unmanage_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Makes the object of this name the snapshot's storage. The name is free afterwards.
    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Ends all work on the snapshot, and keeps its storage.
    async fn unmanage_snapshot(&self, snapshot: &Snapshot, fence: Fence)
    -> Result<(), DriverError>;
}
