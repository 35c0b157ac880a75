//! `unmanage_volume`: stop managing a volume; its data stays on the backend.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, StartsFrom, Status::Volume, Touch,
    WhileRunning,
};
use super::delete_volume::{RETURNED_QUOTA, UNUSED};
use model::{VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `unmanage_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnmanageVolume {
    /// Which volume.
    pub volume_id: VolumeId,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "stop managing a volume; keep its data",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[
            Volume(VolumeStatus::Available),
            Volume(VolumeStatus::Error),
            Volume(VolumeStatus::ErrorManaging),
            Volume(VolumeStatus::ErrorUnmanaging),
        ]),
        preconditions: UNUSED,
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Unmanaging)),
        when_done: Ending::Removed(Some(Volume(VolumeStatus::Deleted))),
        when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorUnmanaging)),
        quota: RETURNED_QUOTA,
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UnmanageVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }
}
