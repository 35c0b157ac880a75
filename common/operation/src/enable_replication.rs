//! `enable_replication`: replicate a backend that has got targets.

use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{BackendId, Caller, ReplicationStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `enable_replication`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnableReplication {
    /// Which backend.
    pub backend_id: BackendId,
}

impl Definition for EnableReplication {
    const CONTRACT: Contract = Contract {
        summary: "replicate a backend that has got targets",
        class: Class::Operate,
        subject: Touch {
            preconditions: &[Precondition::CanReplicate],
            ..Touch::keeping_status(Resource::Backend)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn restarts_replication(&self) -> bool {
        true
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({ "replication_status": ReplicationStatus::Enabled }))
    }
}
