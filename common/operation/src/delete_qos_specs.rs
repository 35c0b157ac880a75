//! `delete_qos_specs`: remove a QoS specification.

use super::contract::{Class, Contract, Definition, Ending, Resource, Touch};
use super::precondition::{OfAny, Precondition};
use model::{Error, QosSpecsId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_qos_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteQosSpecs {
    /// Which one.
    pub qos_specs_id: QosSpecsId,
}

const QOS_UNUSED: Precondition = Precondition {
    name: "qos_unused",
    meaning: "no volume type has this quality of service",
    refusal: &OfAny(|_| Error::bad_request("Qos specs still in use.")),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete QoS specs",
    class: Class::Record,
    subject: Touch {
        preconditions: &[QOS_UNUSED],
        when_done: Ending::Removed(None),
        ..Touch::keeping_status(Resource::QosSpecs)
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DeleteQosSpecs {
    fn subject(&self) -> Uuid {
        self.qos_specs_id.0
    }
}
