//! `freeze_backend`: stop every change of a backend; attached volumes keep their data path.

use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{BackendId, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `freeze_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreezeBackend {
    /// Which backend.
    pub backend_id: BackendId,
}

impl Definition for FreezeBackend {
    const CONTRACT: Contract = Contract {
        summary: "stop every change of a backend, keep the data path",
        class: Class::Operate,
        subject: Touch {
            preconditions: &[Precondition::IsNotFrozen],
            ..Touch::keeping_status(Resource::Backend)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({ "frozen_at": "now" }))
    }
}
