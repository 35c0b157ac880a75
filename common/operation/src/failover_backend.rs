//! `failover_backend`: fail a backend over to a replication target, or back to the primary.

use super::contract::{AfterCrash, Class, Columns, Contract, Definition, Effect, Resource, Touch};
use super::precondition::{Of, OfAny, Precondition};
use model::{AcceptedLoss, BackendId, Caller, Error, ReplicationStatus, Side};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `failover_backend`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailoverBackend {
    /// Which backend.
    pub backend_id: BackendId,
    /// The side to serve from; the primary for a failback.
    pub target: Side,
    /// Which volumes are failed over although their replicas may lack acknowledged writes; none of them when it is `None`.
    #[serde(default)]
    pub accepted_loss: Option<AcceptedLoss>,
    /// Whether a volume that does not come to be in sync on the target is left behind; otherwise a primary that lives is not left.
    #[serde(default)]
    pub leave_behind: bool,
}

const CAN_FAIL_OVER: Precondition = Precondition {
    name: "can_fail_over",
    meaning: "the backend is replicated, and no failover is in progress",
    refusal: &OfAny(|row| {
        Error::bad_request(format!(
            "The backend cannot fail over while its replication status is {}.",
            row.text("replication_status")
        ))
    }),
};

const TARGET_CONFIGURED: Precondition = Precondition {
    name: "target_configured",
    meaning: "the backend has the target and does not serve from it already, unless the caller \
              accepts data loss",
    refusal: &Of::<FailoverBackend>(|failover, row| {
        Error::bad_request(match &failover.target {
            Side::Primary => "The backend serves from its primary already.".to_owned(),
            Side::Target(target) if target == row.text("active_backend_id") => {
                format!("The backend serves from {target} already.")
            }
            Side::Target(target) => format!(
                "The backend has no replication target {target}; it has {}.",
                row.json("report")["replication_targets"]
            ),
        })
    }),
};

const TARGET_IS_UP: Precondition = Precondition {
    name: "target_is_up",
    meaning: "the worker has not reported the target as down",
    refusal: &Of::<FailoverBackend>(|failover, _| {
        let target = failover.target.target().unwrap_or("The backend's primary");
        Error::bad_request(format!("{target} is down: the backend's worker cannot use it."))
    }),
};

const WORKER_IS_UP: Precondition = Precondition {
    name: "worker_is_up",
    meaning: "a worker of the backend is up",
    refusal: &OfAny(|_| {
        Error::bad_request("The backend's worker is down and cannot execute the failover.")
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "fail a backend over to a replication target, or back to the primary",
    class: Class::Operate,
    subject: Touch {
        preconditions: &[CAN_FAIL_OVER, TARGET_CONFIGURED, TARGET_IS_UP, WORKER_IS_UP],
        ..Touch::keeping_status(Resource::Backend)
    },
    others: &[],
    written_on_admission: &["replication_status", "promoted"],
    written_at_end: &["replication_status"],
    effects: &[Effect::BeginsEpoch],
};

impl Definition for FailoverBackend {
    fn subject(&self) -> Uuid {
        self.backend_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "replication_status": ReplicationStatus::FailingOver,
            "promoted": false,
        }))
    }

    fn columns_when_failed(&self) -> Columns {
        Columns::set(json!({ "replication_status": ReplicationStatus::FailoverError }))
    }
}
