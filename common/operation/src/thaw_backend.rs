//! `thaw_backend`: end a freeze; a backend that was disabled stays disabled.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::shared::IS_FROZEN;
use model::{BackendId, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `thaw_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThawBackend {
    /// Which backend.
    pub backend_id: BackendId,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "end a freeze",
    class: Class::Operate,
    subject: Touch { preconditions: &[IS_FROZEN], ..Touch::keeping_status(Resource::Backend) },
    others: &[],
    written_on_admission: &["frozen_at"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ThawBackend {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "frozen_at": null }))
    }
}
