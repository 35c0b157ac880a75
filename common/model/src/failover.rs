//! The result of a failover: where the backend's volumes and snapshots are now.

use super::{Side, SnapshotId, VolumeId};
use serde::Serialize;

/// The result of a failover.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FailoverOutcome {
    /// The side that serves from now on.
    pub active: Side,
    /// What identifies its storage.
    pub storage_id: Option<String>,
    /// The result for each volume.
    pub volumes: Vec<VolumeFailover>,
    /// The snapshots that the backend has had.
    pub known_snapshots: Vec<SnapshotId>,
    /// Those of them that are on the side that serves.
    pub snapshots: Vec<SnapshotId>,
}

/// The result of a failover for one volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeFailover {
    /// The volume.
    pub id: VolumeId,
    /// Its result.
    pub outcome: VolumeOutcome,
}

text_enum! {
    /// The result of a failover for a volume.
    pub enum VolumeOutcome {
        /// Available on the new active side.
        FailedOver = "failed-over",
        /// It is replicated, and cannot be served from there.
        Failed = "failed",
        /// It is not replicated, and so is not there.
        NotReplicated = "not-replicated",
    }
}
