//! `extend_volume`: grow a volume to an absolute size.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, QuotaRule, Resource, StartsFrom,
    Status::Volume, Touch, WhileRunning,
};
use super::precondition::{Of, Precondition};
use model::{Error, VolumeId, VolumeStatus, quota};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `extend_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExtendVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The size that it will have, in GiB.
    pub new_size_gb: i32,
    /// Whether the caller understands that an attached volume grows under its server
    /// (microversion 3.42).
    pub while_attached: bool,
}

const SIZE_INCREASES: Precondition = Precondition {
    name: "size_increases",
    meaning: "the new size exceeds the current one",
    refusal: &Of::<ExtendVolume>(|extend, row| {
        Error::bad_request(format!(
            "Invalid input received: New size for extend must be greater than current size. \
             (current: {}, extended: {}).",
            row.json("size_gb"),
            extend.new_size_gb
        ))
    }),
};

const ONLINE_EXTEND_SUPPORTED: Precondition = Precondition {
    name: "online_extend_supported",
    meaning: "it is not attached, or the caller accepts that and its backend can extend an \
              attached volume",
    refusal: &Of::<ExtendVolume>(|extend, row| {
        row.invalid(if extend.while_attached {
            "Volume is attached, and its backend cannot extend an attached volume."
        } else {
            "Volume status must be available to extend, but current status is: in-use. \
             Ask for microversion 3.42 to extend an attached volume."
        })
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "grow a volume",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[
            Volume(VolumeStatus::Available),
            Volume(VolumeStatus::InUse),
        ]),
        preconditions: &[SIZE_INCREASES, ONLINE_EXTEND_SUPPORTED],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Extending)),
        when_done: Ending::PreviousStatus,
        when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorExtending)),
        quota: &[
            QuotaRule::Each { resource: quota::PER_VOLUME_GIGABYTES, column: "size_gb" },
            QuotaRule::Growth { resource: quota::GIGABYTES, column: "size_gb" },
        ],
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &["size_gb"],
    effects: &[],
};

impl Definition for ExtendVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_when_done(&self) -> Columns {
        Columns::set(json!({ "size_gb": self.new_size_gb }))
    }
}
