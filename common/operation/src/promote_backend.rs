//! `promote_backend`: the active replication target becomes the primary, for good.

use super::contract::{Class, Columns, Contract, Definition, Effect, Resource, Touch};
use super::precondition::shared::IS_FROZEN;
use super::precondition::{OfAny, Precondition};
use model::{BackendId, Caller, Error, ReplicationStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `promote_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromoteBackend {
    /// Which backend.
    pub backend_id: BackendId,
}

const IS_FAILED_OVER: Precondition = Precondition {
    name: "is_failed_over",
    meaning: "the backend serves from a target",
    refusal: &OfAny(|row| {
        Error::bad_request(format!(
            "The backend is not failed over: its replication status is {}.",
            row.text("replication_status")
        ))
    }),
};

const READY_FOR_PROMOTION: Precondition = Precondition {
    name: "ready_for_promotion",
    meaning: "no worker of the backend is up, or the target is its primary in its configuration",
    refusal: &OfAny(|row| {
        Error::bad_request(format!(
            "The worker's configuration still names {} as a target. Stop the worker, configure the target as the \
             primary, and try again.",
            row.text("active_backend_id")
        ))
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "promote the active replication target to primary",
    class: Class::Operate,
    subject: Touch {
        preconditions: &[IS_FROZEN, IS_FAILED_OVER, READY_FOR_PROMOTION],
        ..Touch::keeping_status(Resource::Backend)
    },
    others: &[],
    written_on_admission: &["active_backend_id", "drill_ends", "promoted", "replication_status"],
    written_at_end: &[],
    effects: &[Effect::BeginsEpoch, Effect::RestartsReplication],
};

impl Definition for PromoteBackend {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "active_backend_id": null,
            "promoted": true,
            // its copies are on what is a target no more
            "drill_ends": true,
            "replication_status": ReplicationStatus::Enabled,
        }))
    }
}
