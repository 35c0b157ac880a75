//! `freeze_backend`: stop every change of a backend; attached volumes keep their data path.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{OfAny, Precondition};
use model::{BackendId, Caller, Error};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `freeze_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreezeBackend {
    /// Which backend.
    pub backend_id: BackendId,
}

const IS_NOT_FROZEN: Precondition = Precondition {
    name: "is_not_frozen",
    meaning: "the backend is not frozen",
    refusal: &OfAny(|_| Error::bad_request("The backend is already frozen.")),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "block every change on a backend; the data path stays open",
    class: Class::Operate,
    subject: Touch { preconditions: &[IS_NOT_FROZEN], ..Touch::keeping_status(Resource::Backend) },
    others: &[],
    written_on_admission: &["frozen_at"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for FreezeBackend {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "frozen_at": "now" }))
    }
}
