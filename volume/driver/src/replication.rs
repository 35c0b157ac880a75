//! The capability to replicate volumes to other sides, and to serve them from there.

use crate::error::DriverError;
use crate::fence::Fence;
use crate::progress::LatestProgress;
use async_trait::async_trait;
use model::{ConnectionInfo, FailoverOutcome, ReplicatedVolume, Side, Snapshot, Volume, VolumeId};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

/// The sides of a backend: replicas on its targets, and failovers between them.
#[async_trait]
pub trait Replication: Send + Sync {
    /// Keeps these volumes replicated, verifies those for which that is due, and returns how far their replicas are. Called again and
    /// again while the primary is the active side, each time with all of them; a verification that takes long goes on between the calls.
    async fn replicate(&self, volumes: &[ReplicatedVolume]) -> Result<Replicas, DriverError>;

    /// Makes the target ready to serve, and returns which of the backend's volumes and snapshots are there. Nothing
    /// that is written on the side that was active counts from then on; the driver itself goes on there until
    /// [`Self::failover_completed`].
    async fn failover(&self, failover: &Failover<'_>) -> Result<FailoverOutcome, DriverError>;

    /// This side is the active one now. Called in every worker of the backend, also in those that have not executed
    /// the failover.
    async fn failover_completed(&self, active: &Side, epoch: i64) -> Result<(), DriverError>;

    /// The side that was a target is the primary now. Called in every worker that begins to serve these volumes
    /// from there.
    async fn promoted(&self, volumes: &[Volume]) -> Result<(), DriverError>;

    /// Makes a copy of a volume's replica on a target, for a drill: as it is at one moment, under another name, writable, and open. The
    /// replica goes on to be written to. `None`, and no copy, when the replica is not in sync; fails, and leaves none, when there is no
    /// room, for instance. A copy that is there already is replaced.
    async fn copy_replica(
        &self,
        target: &str,
        volume: &ReplicatedVolume,
    ) -> Result<Option<ReplicaCopy>, DriverError>;

    /// Opens those copies on a target that are not open any more.
    async fn restore_copies(&self, target: &str, volumes: &[VolumeId]) -> Result<(), DriverError>;

    /// Removes copies on a target, whoever uses them; that there is none is fine. By now, the target may have been promoted, and have no
    /// name any more.
    async fn remove_copies(&self, target: &str, volumes: &[VolumeId]) -> Result<(), DriverError>;

    /// The identifier of a side's storage, the same on every way to it. `None` when it cannot be distinguished from
    /// its storage. Creates nothing.
    async fn storage_id(&self, side: &Side) -> Result<Option<String>, DriverError>;
}

/// The arguments of a failover.
#[derive(Clone, Copy, Debug)]
pub struct Failover<'a> {
    /// The side that is active until now.
    pub from: &'a Side,
    /// The side that becomes the active one.
    pub target: &'a Side,
    /// All volumes of the backend.
    pub volumes: &'a [Volume],
    /// All snapshots of the backend.
    pub snapshots: &'a [Snapshot],
    /// The volumes that are failed over even if what is on the target may lack acknowledged writes.
    pub may_lack_writes: &'a HashSet<VolumeId>,
    /// Whether a volume that cannot come to be in sync on the target is left where it is; otherwise a side that can be read is not left
    /// because of it.
    pub leave_behind: bool,
    /// The epoch that begins with it.
    pub epoch: i64,
    /// The claim under which it is executed.
    pub fence: Fence,
    /// Takes its progress, for reports.
    pub progress: &'a LatestProgress,
}

/// The replicas of a backend's volumes. A volume that could not be looked at, because an operation on it is in
/// progress, is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replicas {
    /// The target that they are on.
    pub target: Option<String>,
    /// Each of them.
    pub each: Vec<Replica>,
}

/// A volume's replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The volume.
    pub id: VolumeId,
    /// How much of it is out of sync, in bytes; 0 when it has every acknowledged write.
    pub out_of_sync_bytes: u64,
    /// How long ago the moment was as of which it has everything, where it is not in sync and that is known: what a driver without
    /// synchronous mirrors can say.
    pub age: Option<Duration>,
    /// What the verification that was due has found, once it has come to its end.
    pub verified: Option<Verified>,
}

/// A copy of a replica.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaCopy {
    /// How it is reached.
    pub connection: ConnectionInfo,
    /// How long it was copied.
    pub copying: Duration,
}

/// What a verification has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Which verification it was.
    pub id: Uuid,
    /// How much differed, in bytes.
    pub differing_bytes: u64,
}
