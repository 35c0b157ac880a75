//! `set_volume_bootable`: say whether a server may boot from a volume.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{Caller, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `set_volume_bootable`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetVolumeBootable {
    /// Which volume.
    pub volume_id: VolumeId,
    /// Whether a server may boot from it.
    pub bootable: bool,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the bootable flag of a volume",
    class: Class::Record,
    subject: Touch::keeping_status(Resource::Volume),
    others: &[],
    written_on_admission: &["bootable"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for SetVolumeBootable {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "bootable": self.bootable }))
    }
}
