//! `freeze_backend`: stop every change of a backend; attached volumes keep their data path.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Precondition, Resource, Role, Runs, StartsFrom, Touch, WhileRunning,
};
use crate::model::{BackendId, Caller};
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
            resource: Resource::Backend,
            starts_from: StartsFrom::Anything,
            preconditions: &[Precondition::IsNotFrozen],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Unchanged,
            when_failed: Ending::Unchanged,
            quota: &[],
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
