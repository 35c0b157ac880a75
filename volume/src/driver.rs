//! Drivers: how a backend's storage is worked on.
//!
//! Every method converges: called again after a crash, with the same or a newer fence, it ends where
//! a single call would have ended. So nothing needs to be probed before it is repeated.

#[cfg(test)]
mod conformance;
mod fake;
mod file;

use async_trait::async_trait;
use configuration::{BackendConfig, DriverName};
use database::DbError;
use model::{
    AttachMode, BackendId, BackendReport, ConnectionInfo, FailedOver, Manageable,
    ReplicationProgress, Side, Snapshot, StoredObject, Volume, VolumeId,
};
use std::sync::{Arc, Mutex, PoisonError};

/// The number of the claim under which a driver acts. A driver whose storage outlives the worker
/// refuses a number lower than one it has seen for the same object: its bearer has lost the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub i64);

/// Why a driver did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// It could not; the text is for operators.
    #[error("{0}")]
    Failed(String),
    /// It could not now, but may when the operation's lease has run out and it is claimed again.
    #[error("{0}")]
    Passing(String),
    /// Another worker has the operation by now.
    #[error("another worker has the operation by now")]
    Superseded,
}

impl From<DbError> for DriverError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => Self::Passing(error.to_string()),
            DbError::Refused(_) | DbError::Duplicate(_) | DbError::Defect(_) => {
                Self::Failed(error.to_string())
            }
        }
    }
}

impl DriverError {
    /// It could not, and this is why.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }
}

/// A kind of storage. See the module's documentation for what every method promises.
#[async_trait]
pub trait Driver: Send + Sync {
    /// Gets ready to work on the side from which the backend serves in this epoch, and finds what is there from
    /// before. Fails, and touches nothing, when it knows no such target. A driver whose
    /// storage outlives the worker refuses an epoch older than the newest one that it has seen.
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError>;

    /// Makes the other side ready to serve, and tells what is there of the backend's volumes and snapshots.
    /// From then on nothing that is written on the side that served before counts; the driver itself goes on
    /// there until [`Self::failover_completed`].
    async fn failover(&self, failover: &Failover<'_>) -> Result<FailedOver, DriverError>;

    /// Sees that these volumes are replicated, and tells how far they are. Called again and again while the
    /// backend serves from its own side.
    async fn replicate(&self, volumes: &[Volume]) -> Result<Replicas, DriverError>;

    /// The backend serves from this side now, whoever brought that about.
    async fn failover_completed(&self, active: &Side, epoch: i64) -> Result<(), DriverError>;

    /// What was a target is the backend's own side now. Called in every worker that begins to serve these volumes
    /// from there.
    async fn promoted(&self, volumes: &[Volume]) -> Result<(), DriverError>;

    /// What identifies the storage of a side, however it is reached. `None` when it cannot be told from
    /// another one. Makes nothing.
    async fn storage_id(&self, side: &Side) -> Result<Option<String>, DriverError>;

    /// What the backend can take now.
    async fn report(&self) -> Result<BackendReport, DriverError>;

    /// Makes the volume's storage, all zeros, of the volume's size.
    async fn create_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Removes the volume's storage; that there is none is fine.
    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Grows the volume's storage to `size_gb` GiB; the new part is zeros.
    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Makes the volume's storage with the content of something else on this backend, as it is when the
    /// copy begins; what the volume is larger is zeros.
    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: Source<'_>,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Opens the volume, which nobody uses, for another backend's [`Self::import_volume`].
    async fn open_for_import(
        &self,
        volume: &Volume,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError>;

    /// Closes what [`Self::open_for_import`] opened; that there is nothing is fine.
    async fn close_after_import(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Makes the volume's storage with what is read at a data path that another backend has opened.
    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Removes what [`Self::import_volume`] made, complete or not; that there is nothing is fine.
    async fn discard_import(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Makes the volume what its new type asks for, where it is.
    async fn retype_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Keeps the content of the snapshot's volume as it is now, also while servers write to it where
    /// the report says `online_snapshot_support`.
    async fn create_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError>;

    /// Removes what was kept; that there is nothing is fine.
    async fn delete_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError>;

    /// Gives the volume the content of its snapshot.
    async fn revert_volume(
        &self,
        volume: &Volume,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// What is stored on the backend that is or could become volumes or snapshots. `id` says what an object
    /// was named for; whether that is still a volume or snapshot, others know.
    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError>;

    /// Makes what is stored under a name the volume's storage, of the volume's size.
    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Lets go of the volume's storage: closes what is open of it, and leaves it.
    async fn unmanage_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Makes what is stored under a name the snapshot's storage.
    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Opens the volume's data path and tells how to reach it; an open one stays as it is.
    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError>;

    /// Closes the volume's data path, whoever uses it; that there is none is fine.
    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Makes sure that whatever carries the data paths runs. `true` when it had to be started: then
    /// every data path must be opened again.
    async fn ensure_data_plane(&self) -> Result<bool, DriverError>;

    /// Opens a data path again that was open before the data plane was started.
    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError>;
}

/// A failover, as a driver is asked for it.
#[derive(Clone, Copy, Debug)]
pub struct Failover<'a> {
    /// The side that serves until now.
    pub from: &'a Side,
    /// The side that shall serve.
    pub target: &'a Side,
    /// All volumes of the backend.
    pub volumes: &'a [Volume],
    /// All snapshots of the backend.
    pub snapshots: &'a [Snapshot],
    /// Whether volumes that may lack acknowledged writes there count as moved.
    pub accept_data_loss: bool,
    /// The epoch that it begins.
    pub epoch: i64,
    /// The claim under which it is done.
    pub fence: Fence,
    /// Where it is told how far it has come.
    pub progress: &'a LatestProgress,
}

/// How far replication, or a failover, has come: for the next report.
#[derive(Debug, Default)]
pub struct LatestProgress(Mutex<ReplicationProgress>);

impl LatestProgress {
    /// How far it is now.
    pub fn set(&self, progress: ReplicationProgress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// How far it was when that was last told.
    #[must_use]
    pub fn get(&self) -> ReplicationProgress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The replicas of a backend's volumes. A volume that could not be looked at, because it is being worked on, is
/// not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// Where they are, in the driver's words.
    pub driver_data: Option<String>,
    /// Each of them.
    pub each: Vec<Replica>,
}

/// A volume's replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The volume.
    pub id: VolumeId,
    /// How much of it is not there, in bytes; 0 when every acknowledged write is.
    pub missing: u64,
}

/// What a new volume is made like.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A snapshot.
    Snapshot(&'a Snapshot),
    /// Another volume.
    Volume(&'a Volume),
}

/// The backend serves from a target that the configuration does not have.
fn unknown_target(target: &Side) -> DriverError {
    DriverError::failed(format!(
        "the backend serves from {target}, which is no replication_device of it any more. If {target} is \
         its own side now, promote it (cinderblock-manage backend promote); otherwise restore the \
         configuration"
    ))
}

/// The driver for a section of the configuration.
pub(crate) fn new(name: &str, config: &BackendConfig, backend: BackendId) -> Arc<dyn Driver> {
    match config.driver {
        DriverName::File => Arc::new(file::FileDriver::new(name, config, backend)),
        DriverName::Fake => Arc::new(fake::FakeDriver::new(name, config)),
    }
}
