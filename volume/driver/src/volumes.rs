//! The capability that every driver has: volumes and snapshots.

use crate::error::DriverError;
use crate::fence::Fence;
use async_trait::async_trait;
use model::{BackendReport, Side, Snapshot, Volume};

/// Volumes and snapshots on one backend.
#[async_trait]
pub trait Volumes: Send + Sync {
    /// Gets ready to work on this side, which is the active one in this epoch, and finds what an earlier worker has
    /// left there. Fails, and touches nothing, when it knows no such target. A driver whose storage outlives the
    /// worker refuses an epoch older than the newest one that it has seen.
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError>;

    /// The capacity of the backend now, and its properties. The worker adds the driver's capabilities and the
    /// progress of replication.
    async fn report(&self) -> Result<BackendReport, DriverError>;

    /// Creates the volume's storage, filled with zeros, of the volume's size.
    async fn create_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Removes the volume's storage; that there is none is no error.
    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Grows the volume's storage to `size_gb` GiB; the new part is zeros.
    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Makes the volume's storage with the content that the source has when the copy begins; the part of the volume
    /// beyond the source's size is zeros.
    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Applies the requirements of the volume's new type, on the same backend; the volume is as it will be with that type.
    async fn retype_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Keeps the content that the snapshot's volume has now, also while servers write to it where the report says
    /// `online_snapshot_support`.
    async fn create_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError>;

    /// Removes the snapshot's storage; that there is none is no error.
    async fn delete_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError>;

    /// Gives the volume the content of its snapshot.
    async fn revert_volume(
        &self,
        volume: &Volume,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError>;
}

/// Where the content of a new volume comes from.
#[derive(Clone, Copy, Debug)]
pub enum CloneSource<'a> {
    /// A snapshot.
    Snapshot(&'a Snapshot),
    /// Another volume.
    Volume(&'a Volume),
}
