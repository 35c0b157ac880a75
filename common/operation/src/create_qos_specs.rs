//! `create_qos_specs`: make a QoS specification that volume types can have.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Touch, WhileRunning,
};
use model::{Caller, Metadata, QosConsumer, QosSpecsId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_qos_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateQosSpecs {
    /// The id that the API made up for it.
    pub qos_specs_id: QosSpecsId,
    /// Its unique name.
    pub name: String,
    /// Who keeps to it.
    pub consumer: QosConsumer,
    /// What there is to keep to.
    pub specs: Metadata,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "create QoS specs",
    class: Class::Record,
    subject: Touch {
        resource: Resource::QosSpecs,
        starts_from: StartsFrom::New,
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Unchanged,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    written_on_admission: &["id", "name", "consumer", "specs"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for CreateQosSpecs {
    fn subject(&self) -> Uuid {
        self.qos_specs_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.qos_specs_id,
            "name": self.name,
            "consumer": self.consumer,
            "specs": self.specs,
        }))
    }
}
