//! `delete_volume`: remove a volume that nobody uses.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Precondition, QuotaRule, Resource, Runs,
    StartsFrom, Status::Volume, Touch, WhileRunning,
};
use crate::model::{VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteVolume {
    /// Which volume.
    pub volume_id: VolumeId,
}

/// What every way of deleting a volume gives back to the quota.
pub(super) const RETURNED_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: "volumes", sign: -1 },
    QuotaRule::Column { resource: "gigabytes", column: "size_gb", sign: -1 },
];

impl Definition for DeleteVolume {
    const CONTRACT: Contract = Contract {
        summary: "remove a volume that nobody uses, with its data",
        class: Class::Modify,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[
                Volume(VolumeStatus::Available),
                Volume(VolumeStatus::Error),
                Volume(VolumeStatus::ErrorExtending),
            ]),
            preconditions: &[Precondition::NotAttached],
            while_running: WhileRunning::Becomes(Volume(VolumeStatus::Deleting)),
            when_done: Ending::Removed(Some(Volume(VolumeStatus::Deleted))),
            when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorDeleting)),
        },
        others: &[],
        runs: Runs::OnBackend(AfterCrash::Rerun),
        quota: RETURNED_QUOTA,
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }
}
