//! `unmanage_snapshot`: let go of a snapshot, and leave its data where they are.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Precondition, Resource, Runs, StartsFrom,
    Status::Snapshot, Touch, WhileRunning,
};
use super::delete_volume::RETURNED_SNAPSHOT_QUOTA;
use model::{SnapshotId, SnapshotStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `unmanage_snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnmanageSnapshot {
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
}

impl Definition for UnmanageSnapshot {
    const CONTRACT: Contract = Contract {
        summary: "let go of a snapshot, and leave its data where they are",
        class: Class::Modify,
        subject: Touch {
            resource: Resource::Snapshot,
            starts_from: StartsFrom::Statuses(&[
                Snapshot(SnapshotStatus::Available),
                Snapshot(SnapshotStatus::Error),
            ]),
            preconditions: &[Precondition::NotInUseElsewhere],
            while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Unmanaging)),
            when_done: Ending::Removed(Some(Snapshot(SnapshotStatus::Deleted))),
            when_failed: Ending::Becomes(Snapshot(SnapshotStatus::Error)),
            quota: RETURNED_SNAPSHOT_QUOTA,
        },
        others: &[],
        runs: Runs::OnBackend(AfterCrash::Rerun),
    };

    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }
}
