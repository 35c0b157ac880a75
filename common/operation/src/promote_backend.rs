//! `promote_backend`: the target that a backend serves from becomes its own side, for good.

use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{BackendId, Caller, ReplicationStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `promote_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromoteBackend {
    /// Which backend.
    pub backend_id: BackendId,
}

impl Definition for PromoteBackend {
    const CONTRACT: Contract = Contract {
        summary: "make the target that a backend serves from its own side",
        class: Class::Operate,
        subject: Touch {
            preconditions: &[
                Precondition::IsFrozen,
                Precondition::IsFailedOver,
                Precondition::ReadyForPromotion,
            ],
            ..Touch::keeping_status(Resource::Backend)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn begins_epoch(&self) -> bool {
        true
    }

    fn restarts_replication(&self) -> bool {
        true
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "active_backend_id": null,
            "promoted": true,
            "replication_status": ReplicationStatus::Enabled,
        }))
    }
}
