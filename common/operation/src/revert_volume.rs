//! `revert_volume`: put a volume's content back to its newest snapshot.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::{Snapshot, Volume},
    Touch, WhileRunning,
};
use super::precondition::shared::{NOT_ATTACHED, NOT_USED_BY_OPERATION};
use super::precondition::{OfAny, Precondition};
use model::{Error, SnapshotId, SnapshotStatus, VolumeId, VolumeStatus};
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

const NEWEST_OF_ITS_SIZE: Precondition = Precondition {
    name: "newest_of_its_size",
    meaning: "it is the newest snapshot of its volume, and of the volume's size",
    refusal: &OfAny(|_| {
        Error::bad_request(
            "Specified snapshot is not the latest one of the volume, or the volume was extended since.",
        )
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "revert a volume to its latest snapshot",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
        preconditions: &[NOT_ATTACHED, NOT_USED_BY_OPERATION],
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
            preconditions: &[NEWEST_OF_ITS_SIZE],
            while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Restoring)),
            when_done: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
            when_failed: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
            quota: &[],
        },
    )],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for RevertVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Snapshot, self.snapshot_id.0)]
    }
}
