//! `reset_snapshot_status`: an admin says where a snapshot stands, after something went wrong.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Touch, WhileRunning,
};
use super::precondition::shared::NO_OPERATION_IN_PROGRESS;
use super::precondition::{OfAny, Precondition};
use model::{Caller, SnapshotId, SnapshotStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `reset_snapshot_status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResetSnapshotStatus {
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
    /// Where it stands.
    pub status: SnapshotStatus,
    /// How much of it is made, as a percentage; as before, where it is not said.
    #[serde(default)]
    pub progress: Option<String>,
    /// The status from which it was to be changed, if that matters.
    #[serde(default)]
    pub seen: Option<SnapshotStatus>,
}

const STATUS_UNCHANGED: Precondition = Precondition {
    name: "status_unchanged",
    meaning: "its status is the one that the caller saw, where that matters",
    refusal: &OfAny(|row| row.invalid("Its status has changed meanwhile.")),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the status of a snapshot, unless an operation on it is in progress",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Snapshot,
        starts_from: StartsFrom::Anything,
        preconditions: &[NO_OPERATION_IN_PROGRESS, STATUS_UNCHANGED],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::AsAsked,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    written_on_admission: &["status", "previous_status", "progress"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ResetSnapshotStatus {
    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let mut columns = Columns::set(json!({ "status": self.status, "previous_status": null }));
        if let Some(progress) = &self.progress {
            columns.set.insert("progress".to_owned(), json!(progress));
        }
        columns
    }
}
