//! `create_snapshot`: keep a volume's content as it is now.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, QuotaRule, Resource, Role,
    StartsFrom,
    Status::{Snapshot, Volume},
    Touch, WhileRunning,
};
use super::precondition::{Of, Precondition};
use model::{
    Caller, Metadata, SnapshotId, SnapshotStatus, VolumeId, VolumeStatus, VolumeTypeId, quota,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_snapshot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateSnapshot {
    /// The id that the API made up for it.
    pub snapshot_id: SnapshotId,
    /// Of which volume.
    pub volume_id: VolumeId,
    /// The volume's type.
    pub volume_type_id: VolumeTypeId,
    /// The volume's size, in GiB.
    pub size_gb: i32,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// The user's key-value pairs.
    pub metadata: Metadata,
    /// Whether the caller accepts that servers may write meanwhile (`force`; always since 3.66).
    pub while_attached: bool,
}

/// What every new snapshot takes from the quota.
pub(super) const TAKEN_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: quota::SNAPSHOTS, sign: 1 },
    QuotaRule::Column { resource: quota::GIGABYTES, column: "size_gb", sign: 1 },
];

const ONLINE_SNAPSHOT_SUPPORTED: Precondition = Precondition {
    name: "online_snapshot_supported",
    meaning: "it is not attached, or the caller accepts that and its backend can take a \
              snapshot of an attached volume",
    refusal: &Of::<CreateSnapshot>(|create, row| {
        if create.while_attached {
            row.invalid(
                "Volume is attached, and its backend cannot take a snapshot of an attached volume.",
            )
        } else {
            row.invalid(format!(
                "Volume status must be available to create snapshot, but current status is: {}. Ask \
                 for it with force, or with microversion 3.66.",
                row.text("status")
            ))
        }
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "create a snapshot of a volume",
    class: Class::Modify,
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
            preconditions: &[ONLINE_SNAPSHOT_SUPPORTED],
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

impl Definition for CreateSnapshot {
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
