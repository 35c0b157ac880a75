//! `enable_backend`: put a backend back into service; a freeze stays as it is.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{BackendId, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `enable_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnableBackend {
    /// Which backend.
    pub backend_id: BackendId,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "enable a backend",
    class: Class::Operate,
    subject: Touch::keeping_status(Resource::Backend),
    others: &[],
    written_on_admission: &["disabled_at", "disabled_reason"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for EnableBackend {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "disabled_at": null, "disabled_reason": null }))
    }
}
