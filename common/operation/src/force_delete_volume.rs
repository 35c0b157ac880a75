//! `force_delete_volume`: an admin removes a volume whatever its status says.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Volume,
    Touch, WhileRunning,
};
use super::delete_volume::{RETURNED_QUOTA, UNUSED};
use super::force_delete_snapshot::FORCED_SNAPSHOT;
use model::{SnapshotId, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `force_delete_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceDeleteVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// All its snapshots, when they go with it (`cascade`).
    #[serde(default)]
    pub snapshots: Vec<SnapshotId>,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete a volume in any status, unless it is attached or an operation on it is in progress",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Anything,
        preconditions: UNUSED,
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Deleting)),
        when_done: Ending::Removed(Some(Volume(VolumeStatus::Deleted))),
        when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorDeleting)),
        quota: RETURNED_QUOTA,
    },
    others: &[(Role::Snapshot, FORCED_SNAPSHOT)],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ForceDeleteVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        self.snapshots.iter().map(|snapshot| (Role::Snapshot, snapshot.0)).collect()
    }
}
