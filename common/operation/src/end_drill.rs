//! `end_drill`: remove the copies of a drill.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{OfAny, Precondition};
use model::{BackendId, Caller, Error};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `end_drill`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndDrill {
    /// Which backend.
    pub backend_id: BackendId,
    /// The drill that is meant; `None` for whichever is there.
    pub drill_id: Option<Uuid>,
}

const HAS_DRILL: Precondition = Precondition {
    name: "has_drill",
    meaning: "there is a drill, and it is the one that is meant",
    refusal: &OfAny(|_| Error::bad_request("There is no drill to end.")),
};

/// Whichever side serves by now, and whether the backend is frozen or not: the copies are nobody's volumes.
pub(crate) const CONTRACT: Contract = Contract {
    summary: "remove the copies of a drill",
    class: Class::Operate,
    subject: Touch { preconditions: &[HAS_DRILL], ..Touch::keeping_status(Resource::Backend) },
    others: &[],
    written_on_admission: &["drill_ends"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for EndDrill {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "drill_ends": true }))
    }
}
