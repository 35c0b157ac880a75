//! `update_qos_specs`: change a QoS specification.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, Precondition};
use model::{Caller, Error, Metadata, QosConsumer, QosSpecsId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The arguments of `update_qos_specs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateQosSpecs {
    /// Which one.
    pub qos_specs_id: QosSpecsId,
    /// Who keeps to it from now on; `None` for those who do.
    pub consumer: Option<QosConsumer>,
    /// What is added or changed.
    pub specs: Metadata,
    /// What is removed.
    pub remove_keys: Vec<String>,
}

const HAS_SPECS: Precondition = Precondition {
    name: "has_specs",
    meaning: "it has every key that is to be removed",
    refusal: &Of::<UpdateQosSpecs>(|update, row| {
        Error::not_found(format!(
            "QoS spec {} does not have all of the keys {}.",
            row.text("id"),
            json!(update.remove_keys)
        ))
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change QoS specs",
    class: Class::Record,
    subject: Touch { preconditions: &[HAS_SPECS], ..Touch::keeping_status(Resource::QosSpecs) },
    others: &[],
    written_on_admission: &["specs", "consumer"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateQosSpecs {
    fn subject(&self) -> Uuid {
        self.qos_specs_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let specs = |value: Value| Map::from_iter([("specs".to_owned(), value)]);
        let mut columns = Columns::none();
        if let Some(consumer) = self.consumer {
            columns.set.insert("consumer".to_owned(), json!(consumer));
        }
        if self.remove_keys.is_empty() {
            columns.merge = specs(json!(self.specs));
        } else {
            columns.remove = specs(json!(self.remove_keys));
        }
        columns
    }
}
