//! `set_volume_readonly`: say whether servers may only read a volume.

use super::contract::{
    Class, Columns, Contract, Definition, Resource, StartsFrom, Status::Volume, Touch,
};
use model::{Caller, VolumeId, VolumeStatus};
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

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the read-only flag of a volume",
    class: Class::Record,
    subject: Touch {
        starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
        ..Touch::keeping_status(Resource::Volume)
    },
    others: &[],
    written_on_admission: &["readonly"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for SetVolumeReadonly {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "readonly": self.readonly }))
    }
}
