//! `associate_qos_specs`: give volumes of a kind a QoS specification.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, Precondition, Row};
use model::{Caller, Error, QosSpecsId, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `associate_qos_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AssociateQosSpecs {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// Which quality of service.
    pub qos_specs_id: QosSpecsId,
}

pub(super) const NO_OTHER_QOS: Precondition = Precondition {
    name: "no_other_qos",
    meaning: "the type has this quality of service or none",
    refusal: &Of::<AssociateQosSpecs>(|associate, row| other_qos(associate.qos_specs_id, row)),
};

/// The refusal where a volume type has another quality of service than the one that is named.
pub(super) fn other_qos(named: QosSpecsId, row: &Row<'_>) -> Error {
    if row.json("qos_specs_id").is_null() {
        return Error::not_found(format!("No such QoS spec {named}."));
    }
    Error::bad_request(format!(
        "Invalid volume type: Type {} is already associated with another qos specs: {}",
        row.text("id"),
        row.text("qos_specs_id")
    ))
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "associate QoS specs with a volume type",
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

impl Definition for AssociateQosSpecs {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "qos_specs_id": self.qos_specs_id }))
    }
}
