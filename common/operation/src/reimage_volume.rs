//! `reimage_volume`: a volume loses what it has, and gets the content of an image.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Status::Volume,
    Touch, WhileRunning,
};
use super::create_volume::VolumeImage;
use super::precondition::shared::{NOT_USED_BY_OPERATION, is_used};
use super::precondition::{OfAny, Precondition};
use model::{VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `reimage_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReimageVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The image.
    pub image: VolumeImage,
    /// Whether it may be reserved for a server, which is told when this has ended: Nova rebuilds that.
    #[serde(default)]
    pub reserved: bool,
}

const NOT_USED: Precondition = Precondition {
    name: "unused_or_reserved_as_said",
    meaning: "no server is attached to it, and none is expected but the one that the caller speaks of",
    refusal: &OfAny(is_used),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "replace the content of a volume by that of an image",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[
            Volume(VolumeStatus::Available),
            Volume(VolumeStatus::Reserved),
            Volume(VolumeStatus::Error),
        ]),
        preconditions: &[NOT_USED, NOT_USED_BY_OPERATION],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Downloading)),
        when_done: Ending::WholeByAttachments,
        when_failed: Ending::Becomes(Volume(VolumeStatus::Error)),
        quota: &[],
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &["bootable", "image_metadata"],
    effects: &[],
};

impl Definition for ReimageVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_when_done(&self) -> Columns {
        Columns::set(json!({ "bootable": true, "image_metadata": self.image.metadata }))
    }
}
