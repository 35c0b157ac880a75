//! `delete_volume`: remove a volume that nobody uses, with its snapshots if that is asked for.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, QuotaRule, Resource, Role, StartsFrom,
    Status::{Snapshot, Volume},
    Touch, WhileRunning,
};
use super::precondition::Precondition;
use super::precondition::shared::{NO_SNAPSHOTS, NOT_ATTACHED, NOT_USED_BY_OPERATION};
use model::{SnapshotId, SnapshotStatus, VolumeId, VolumeStatus, quota};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// All its snapshots, when they go with it (`cascade`).
    pub snapshots: Vec<SnapshotId>,
}

/// What every way of deleting a volume gives back to the quota.
pub(super) const RETURNED_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: quota::VOLUMES, sign: -1 },
    QuotaRule::Column { resource: quota::GIGABYTES, column: "size_gb", sign: -1 },
];

/// What every way of deleting a snapshot gives back to the quota.
pub(super) const RETURNED_SNAPSHOT_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: quota::SNAPSHOTS, sign: -1 },
    QuotaRule::Column { resource: quota::GIGABYTES, column: "size_gb", sign: -1 },
];

/// The preconditions of every deletion of a volume.
pub(super) const UNUSED: &[Precondition] = &[NOT_ATTACHED, NO_SNAPSHOTS, NOT_USED_BY_OPERATION];

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete a volume that is not attached, with its data",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[
            Volume(VolumeStatus::Available),
            Volume(VolumeStatus::Error),
            Volume(VolumeStatus::ErrorExtending),
            Volume(VolumeStatus::ErrorManaging),
            Volume(VolumeStatus::ErrorRestoring),
        ]),
        preconditions: UNUSED,
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Deleting)),
        when_done: Ending::Removed(Some(Volume(VolumeStatus::Deleted))),
        when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorDeleting)),
        quota: RETURNED_QUOTA,
    },
    others: &[(
        Role::Snapshot,
        Touch {
            resource: Resource::Snapshot,
            starts_from: StartsFrom::Statuses(&[
                Snapshot(SnapshotStatus::Available),
                Snapshot(SnapshotStatus::Error),
            ]),
            preconditions: &[NOT_USED_BY_OPERATION],
            while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Deleting)),
            when_done: Ending::Removed(Some(Snapshot(SnapshotStatus::Deleted))),
            when_failed: Ending::Becomes(Snapshot(SnapshotStatus::ErrorDeleting)),
            quota: RETURNED_SNAPSHOT_QUOTA,
        },
    )],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DeleteVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        self.snapshots.iter().map(|snapshot| (Role::Snapshot, snapshot.0)).collect()
    }
}
