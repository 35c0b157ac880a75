//! `upload_volume`: make an image of a volume, which the image service keeps.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, StartsFrom, Status::Volume, Touch,
    WhileRunning,
};
use super::precondition::shared::NOT_ATTACHED;
use model::{VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `upload_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UploadVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The image that gets its content; it is there, and has none yet.
    pub image_id: Uuid,
    /// The format of its data, in the image service's words.
    pub disk_format: String,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "make an image of a volume",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
        preconditions: &[NOT_ATTACHED],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Uploading)),
        when_done: Ending::PreviousStatus,
        when_failed: Ending::PreviousStatus,
        quota: &[],
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UploadVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }
}
