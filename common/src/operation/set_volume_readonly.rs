//! `set_volume_readonly`: say whether servers may only read a volume.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, Runs, StartsFrom, Status::Volume, Touch, WhileRunning,
};
use crate::model::{Caller, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `set_volume_readonly`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetVolumeReadonly {
    /// Which volume.
    pub volume_id: VolumeId,
    /// Whether servers may only read.
    pub readonly: bool,
}

impl Definition for SetVolumeReadonly {
    const CONTRACT: Contract = Contract {
        summary: "say whether servers may only read a volume",
        class: Class::Record,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
            preconditions: &[],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Unchanged,
            when_failed: Ending::Unchanged,
            quota: &[],
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({ "readonly": self.readonly }))
    }
}
