//! `enable_replication`: replicate a backend that has got targets.

use super::contract::{Class, Columns, Contract, Definition, Effect, Resource, Touch};
use super::precondition::{OfAny, Precondition};
use model::{BackendId, Caller, Error, ReplicationStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `enable_replication`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnableReplication {
    /// Which backend.
    pub backend_id: BackendId,
}

const CAN_REPLICATE: Precondition = Precondition {
    name: "can_replicate",
    meaning: "the backend has targets, serves from its primary and is not replicated",
    refusal: &OfAny(|row| {
        Error::bad_request(format!(
            "Replication cannot be enabled: the backend's replication status is {}, its targets are {}.",
            row.text("replication_status"),
            row.json("report")["replication_targets"]
        ))
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "enable the replication of a backend that has replication targets",
    class: Class::Operate,
    subject: Touch { preconditions: &[CAN_REPLICATE], ..Touch::keeping_status(Resource::Backend) },
    others: &[],
    written_on_admission: &["replication_status"],
    written_at_end: &[],
    effects: &[Effect::RestartsReplication],
};

impl Definition for EnableReplication {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "replication_status": ReplicationStatus::Enabled }))
    }
}
