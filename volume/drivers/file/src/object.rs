//! What an array keeps in a file.

use model::{SnapshotId, VolumeId};
use uuid::Uuid;

/// A volume, a snapshot, or the copy of a replica that a drill made; its text is the name of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Volume(VolumeId),
    Snapshot(SnapshotId),
    Drill(VolumeId),
}

impl Object {
    /// The id of the volume or snapshot.
    pub const fn id(self) -> Uuid {
        match self {
            Self::Volume(id) | Self::Drill(id) => id.0,
            Self::Snapshot(id) => id.0,
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Volume(id) => write!(formatter, "volume-{id}"),
            Self::Snapshot(id) => write!(formatter, "snapshot-{id}"),
            Self::Drill(id) => write!(formatter, "drill-{id}"),
        }
    }
}
