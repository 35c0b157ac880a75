//! `force_delete_snapshot`: an admin removes a snapshot whatever its status says.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Precondition, Resource, Runs, StartsFrom,
    Status::Snapshot, Touch, WhileRunning,
};
use super::delete_volume::RETURNED_SNAPSHOT_QUOTA;
use model::{SnapshotId, SnapshotStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `force_delete_snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceDeleteSnapshot {
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
}

impl Definition for ForceDeleteSnapshot {
    const CONTRACT: Contract = Contract {
        summary: "remove a snapshot whatever its status, unless it is being worked on",
        class: Class::Modify,
        subject: Touch {
            resource: Resource::Snapshot,
            starts_from: StartsFrom::Anything,
            preconditions: &[Precondition::NotInUseElsewhere],
            while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Deleting)),
            when_done: Ending::Removed(Some(Snapshot(SnapshotStatus::Deleted))),
            when_failed: Ending::Becomes(Snapshot(SnapshotStatus::ErrorDeleting)),
            quota: RETURNED_SNAPSHOT_QUOTA,
        },
        others: &[],
        runs: Runs::OnBackend(AfterCrash::Rerun),
    };

    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }
}
