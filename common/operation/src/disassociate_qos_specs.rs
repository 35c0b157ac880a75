//! `disassociate_qos_specs`: take its quality of service from a kind of volume.

use super::associate_qos_specs::{self, other_qos};
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, Precondition};
use model::{Caller, QosSpecsId, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `disassociate_qos_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisassociateQosSpecs {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// Which quality of service.
    pub qos_specs_id: QosSpecsId,
}

const NO_OTHER_QOS: Precondition = Precondition {
    refusal: &Of::<DisassociateQosSpecs>(|disassociate, row| {
        other_qos(disassociate.qos_specs_id, row)
    }),
    ..associate_qos_specs::NO_OTHER_QOS
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "disassociate QoS specs from a volume type",
    class: Class::Record,
    subject: Touch {
        preconditions: &[NO_OTHER_QOS],
        ..Touch::keeping_status(Resource::VolumeType)
    },
    others: &[],
    written_on_admission: &["qos_specs_id"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DisassociateQosSpecs {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "qos_specs_id": null }))
    }
}
