//! `associate_qos_specs`: give volumes of a kind a quality of service.

use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{Caller, QosSpecsId, VolumeTypeId};
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

impl Definition for AssociateQosSpecs {
    const CONTRACT: Contract = Contract {
        summary: "give volumes of a kind a quality of service",
        class: Class::Record,
        subject: Touch {
            preconditions: &[Precondition::NoOtherQos],
            ..Touch::keeping_status(Resource::VolumeType)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({ "qos_specs_id": self.qos_specs_id }))
    }
}
