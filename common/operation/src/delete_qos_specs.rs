//! `delete_qos_specs`: remove a quality of service.

use super::contract::{Class, Contract, Definition, Ending, Precondition, Resource, Runs, Touch};
use model::QosSpecsId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_qos_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteQosSpecs {
    /// Which one.
    pub qos_specs_id: QosSpecsId,
}

impl Definition for DeleteQosSpecs {
    const CONTRACT: Contract = Contract {
        summary: "remove a quality of service",
        class: Class::Record,
        subject: Touch {
            preconditions: &[Precondition::QosUnused],
            when_done: Ending::Removed(None),
            ..Touch::keeping_status(Resource::QosSpecs)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.qos_specs_id.0
    }
}
