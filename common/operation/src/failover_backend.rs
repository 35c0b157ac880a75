//! `failover_backend`: serve a backend from a replication target, or from its own side again.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{BackendId, Caller, ReplicationStatus, Side};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `failover_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailoverBackend {
    /// Which backend.
    pub backend_id: BackendId,
    /// The side to serve from; the primary for a failback.
    pub target: Side,
    /// Whether volumes that may lack acknowledged writes there are served all the same.
    #[serde(default)]
    pub accept_data_loss: bool,
}

impl Definition for FailoverBackend {
    const CONTRACT: Contract = Contract {
        summary: "serve a backend from a replication target, or from its own side again",
        class: Class::Operate,
        subject: Touch {
            preconditions: &[
                Precondition::CanFailOver,
                Precondition::TargetOffered,
                Precondition::TargetIsUp,
                Precondition::WorkerIsUp,
            ],
            ..Touch::keeping_status(Resource::Backend)
        },
        others: &[],
        runs: Runs::OnBackend(AfterCrash::Rerun),
    };

    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn begins_epoch(&self) -> bool {
        true
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "replication_status": ReplicationStatus::FailingOver,
            "promoted": false,
        }))
    }

    fn columns_when_failed(&self, _role: Role) -> Columns {
        Columns::set(json!({ "replication_status": ReplicationStatus::FailoverError }))
    }
}
