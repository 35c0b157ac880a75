//! `delete_snapshot`: remove a snapshot.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, StartsFrom, Status::Snapshot, Touch,
    WhileRunning,
};
use super::delete_volume::RETURNED_SNAPSHOT_QUOTA;
use super::precondition::shared::NOT_USED_BY_OPERATION;
use model::{SnapshotId, SnapshotStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteSnapshot {
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "remove a snapshot",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Snapshot,
        starts_from: StartsFrom::Statuses(&[
            Snapshot(SnapshotStatus::Available),
            Snapshot(SnapshotStatus::Error),
        ]),
        preconditions: &[NOT_USED_BY_OPERATION],
        while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Deleting)),
        when_done: Ending::Removed(Some(Snapshot(SnapshotStatus::Deleted))),
        when_failed: Ending::Becomes(Snapshot(SnapshotStatus::ErrorDeleting)),
        quota: RETURNED_SNAPSHOT_QUOTA,
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DeleteSnapshot {
    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }
}
