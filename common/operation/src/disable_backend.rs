//! `disable_backend`: take a backend out of service; a freeze stays as it is.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{BackendId, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `disable_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DisableBackend {
    /// Which backend.
    pub backend_id: BackendId,
    /// Why, for the operators who come later.
    pub reason: Option<String>,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "disable a backend",
    class: Class::Operate,
    subject: Touch::keeping_status(Resource::Backend),
    others: &[],
    written_on_admission: &["disabled_at", "disabled_reason"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DisableBackend {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "disabled_at": "now", "disabled_reason": self.reason }))
    }
}
