//! The result of a failover: where the backend's volumes and snapshots are now.

use super::{Side, SnapshotId, VolumeId};
use serde::Serialize;

/// The result of a failover.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FailedOver {
    /// The side that serves from now on.
    pub active: Side,
    /// What identifies its storage.
    pub storage_id: Option<String>,
    /// The result for each volume.
    pub volumes: Vec<VolumeFate>,
    /// The snapshots that the backend has had.
    pub known_snapshots: Vec<SnapshotId>,
    /// Those of them that are on the side that serves.
    pub snapshots: Vec<SnapshotId>,
}

/// The result of a failover for one volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeFate {
    /// The volume.
    pub id: VolumeId,
    /// Its result.
    pub fate: Fate,
}

text_enum! {
    /// The result of a failover for a volume.
    pub enum Fate {
        /// It is served from the other side.
        Moved = "moved",
        /// It is replicated, and cannot be served from there.
        Failed = "failed",
        /// It is not replicated, and so is not there.
        Absent = "absent",
    }
}
