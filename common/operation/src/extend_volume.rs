//! `extend_volume`: grow a volume to an absolute size.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Precondition, QuotaRule, Resource,
    Role, Runs, StartsFrom, Status::Volume, Touch, WhileRunning,
};
use model::{VolumeId, VolumeStatus};
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

impl Definition for ExtendVolume {
    const CONTRACT: Contract = Contract {
        summary: "grow a volume",
        class: Class::Modify,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[
                Volume(VolumeStatus::Available),
                Volume(VolumeStatus::InUse),
            ]),
            preconditions: &[Precondition::SizeIncreases, Precondition::ExtendableWhereItIs],
            while_running: WhileRunning::Becomes(Volume(VolumeStatus::Extending)),
            when_done: Ending::PreviousStatus,
            when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorExtending)),
            quota: &[
                QuotaRule::Each { resource: "per_volume_gigabytes", column: "size_gb" },
                QuotaRule::Growth { resource: "gigabytes", column: "size_gb" },
            ],
        },
        others: &[],
        runs: Runs::OnBackend(AfterCrash::Rerun),
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_when_done(&self, _role: Role) -> Columns {
        Columns::set(json!({ "size_gb": self.new_size_gb }))
    }
}
