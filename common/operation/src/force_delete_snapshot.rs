//! `force_delete_snapshot`: an admin removes a snapshot whatever its status says.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, StartsFrom, Status::Snapshot, Touch,
    WhileRunning,
};
use super::delete_volume::RETURNED_SNAPSHOT_QUOTA;
use super::precondition::shared::{NO_OPERATION_IN_PROGRESS, NOT_USED_BY_OPERATION};
use model::{SnapshotId, SnapshotStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `force_delete_snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceDeleteSnapshot {
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

/// A snapshot that goes whatever its status, unless something is being done with it.
pub(super) const FORCED_SNAPSHOT: Touch = Touch {
    resource: Resource::Snapshot,
    starts_from: StartsFrom::Anything,
    preconditions: &[NO_OPERATION_IN_PROGRESS, NOT_USED_BY_OPERATION],
    while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Deleting)),
    when_done: Ending::Removed(Some(Snapshot(SnapshotStatus::Deleted))),
    when_failed: Ending::Becomes(Snapshot(SnapshotStatus::ErrorDeleting)),
    quota: RETURNED_SNAPSHOT_QUOTA,
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete a snapshot in any status, unless an operation on it is in progress",
    class: Class::Modify,
    subject: FORCED_SNAPSHOT,
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ForceDeleteSnapshot {
    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }
}
