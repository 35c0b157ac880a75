//! `begin_drill`: make writable copies of a backend's replicas on a target, for a failover that is rehearsed.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::shared::REPLICATES;
use super::precondition::{Of, OfAny, Precondition};
use model::{BackendId, Caller, Error};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `begin_drill`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeginDrill {
    /// Which backend.
    pub backend_id: BackendId,
    /// Which drill it shall be: a new one.
    pub drill_id: Uuid,
    /// The target on which the copies are made.
    pub target: String,
}

const NO_DRILL: Precondition = Precondition {
    name: "no_drill",
    meaning: "no drill is there that has not ended",
    refusal: &OfAny(|row| {
        Error::bad_request(format!(
            "There is a drill on {} already: end it first.",
            row.text("drill_target")
        ))
    }),
};

const DRILL_TARGET_CONFIGURED: Precondition = Precondition {
    name: "drill_target_configured",
    meaning: "the backend has the target",
    refusal: &Of::<BeginDrill>(|drill, row| {
        Error::bad_request(format!(
            "The backend has no replication target {}; it has {}.",
            drill.target,
            row.json("report")["replication_targets"]
        ))
    }),
};

/// The worker makes the copies beside everything else that it does, so that no failover or freeze has to wait for a drill.
pub(crate) const CONTRACT: Contract = Contract {
    summary: "make writable copies of the replicas on a target, to rehearse a failover",
    class: Class::Operate,
    subject: Touch {
        preconditions: &[REPLICATES, NO_DRILL, DRILL_TARGET_CONFIGURED],
        ..Touch::keeping_status(Resource::Backend)
    },
    others: &[],
    written_on_admission: &["drill_asked_at", "drill_ends", "drill_id", "drill_target"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for BeginDrill {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "drill_id": self.drill_id,
            "drill_target": self.target,
            "drill_asked_at": "now",
            "drill_ends": false,
        }))
    }
}
