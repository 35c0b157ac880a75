//! `manage_snapshot`: make something that is on a volume's backend a snapshot of it.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::{Snapshot, Volume},
    Touch, WhileRunning,
};
use super::create_snapshot::TAKEN_QUOTA;
use model::{Caller, Metadata, SnapshotId, SnapshotStatus, VolumeId, VolumeStatus, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `manage_snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManageSnapshot {
    /// The id that the API made up for it.
    pub snapshot_id: SnapshotId,
    /// Of which volume.
    pub volume_id: VolumeId,
    /// The volume's type.
    pub volume_type_id: VolumeTypeId,
    /// What it is called on the backend.
    pub source_name: String,
    /// Its size in GiB, rounded up.
    pub size_gb: i32,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// The user's key-value pairs.
    pub metadata: Metadata,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "manage existing storage of a volume's backend as a snapshot of that volume",
    class: Class::Place,
    subject: Touch {
        resource: Resource::Snapshot,
        starts_from: StartsFrom::New,
        preconditions: &[],
        while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::Creating)),
        when_done: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
        when_failed: Ending::Becomes(Snapshot(SnapshotStatus::Error)),
        quota: TAKEN_QUOTA,
    },
    others: &[(
        Role::Volume,
        Touch {
            starts_from: StartsFrom::Statuses(&[
                Volume(VolumeStatus::Available),
                Volume(VolumeStatus::InUse),
            ]),
            ..Touch::keeping_status(Resource::Volume)
        },
    )],
    written_on_admission: &[
        "id",
        "project_id",
        "user_id",
        "volume_id",
        "volume_type_id",
        "size_gb",
        "name",
        "description",
        "metadata",
    ],
    written_at_end: &["progress"],
    effects: &[],
};

impl Definition for ManageSnapshot {
    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn uses(&self) -> Vec<Uuid> {
        vec![self.volume_id.0]
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.snapshot_id,
            "project_id": caller.project_id,
            "user_id": caller.user_id,
            "volume_id": self.volume_id,
            "volume_type_id": self.volume_type_id,
            "size_gb": self.size_gb,
            "name": self.name,
            "description": self.description,
            "metadata": self.metadata,
        }))
    }

    fn columns_when_done(&self) -> Columns {
        Columns::set(json!({ "progress": "100%" }))
    }
}
