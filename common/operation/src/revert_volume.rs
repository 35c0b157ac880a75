//! `revert_volume`: put a volume's content back to its newest snapshot.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Precondition, Resource, Role, Runs,
    StartsFrom,
    Status::{Snapshot, Volume},
    Touch, WhileRunning,
};
use model::{SnapshotId, SnapshotStatus, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `revert_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevertVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// Its newest snapshot.
    pub snapshot_id: SnapshotId,
}

impl Definition for RevertVolume {
    const CONTRACT: Contract = Contract {
        summary: "put a volume's content back to its newest snapshot",
        class: Class::Modify,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
            preconditions: &[Precondition::NotAttached, Precondition::NotInUseElsewhere],
            while_running: WhileRunning::Becomes(Volume(VolumeStatus::Reverting)),
            when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
            when_failed: Ending::Becomes(Volume(VolumeStatus::Error)),
            quota: &[],
        },
        others: &[(
            Role::Snapshot,
            Touch {
                resource: Resource::Snapshot,
                starts_from: StartsFrom::Statuses(&[Snapshot(SnapshotStatus::Available)]),
                preconditions: &[Precondition::NewestOfItsSize],
                while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Restoring)),
                when_done: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
                when_failed: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
                quota: &[],
            },
        )],
        runs: Runs::OnBackend(AfterCrash::Rerun),
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Snapshot, self.snapshot_id.0)]
    }
}
