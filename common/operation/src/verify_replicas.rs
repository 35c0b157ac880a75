//! `verify_replicas`: compare the replicas of a backend that are in sync with their volumes.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::shared::REPLICATES;
use model::{BackendId, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `verify_replicas`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerifyReplicas {
    /// Which backend.
    pub backend_id: BackendId,
    /// Which verification it shall be: one that was not done yet.
    pub verification_id: Uuid,
    /// Whether what differs is made equal to the volume; otherwise it is counted alone.
    pub repair: bool,
}

/// The worker does it between its looks at the replicas, so that no failover or freeze has to wait for it.
pub(crate) const CONTRACT: Contract = Contract {
    summary: "compare the replicas that are in sync with their volumes",
    class: Class::Operate,
    subject: Touch { preconditions: &[REPLICATES], ..Touch::keeping_status(Resource::Backend) },
    others: &[],
    written_on_admission: &["verification_asked_at", "verification_id", "verification_repairs"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for VerifyReplicas {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "verification_id": self.verification_id,
            "verification_asked_at": "now",
            "verification_repairs": self.repair,
        }))
    }
}
