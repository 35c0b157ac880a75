//! `create_backup`: keep the content of a volume, or of a snapshot, apart from its backend.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, QuotaRule, Resource, Role,
    StartsFrom,
    Status::{Backup, Snapshot, Volume},
    Touch, WhileRunning,
};
use super::precondition::{Of, Precondition};
use model::{
    BackupId, BackupStatus, Caller, Error, Metadata, SnapshotId, SnapshotStatus, VolumeId,
    VolumeStatus, quota,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateBackup {
    /// The id that the API made up for it.
    pub backup_id: BackupId,
    /// Of which volume.
    pub volume_id: VolumeId,
    /// Of which of its snapshots; `None` for the volume as it is.
    pub snapshot_id: Option<SnapshotId>,
    /// The backup from which it is to differ; `None` for a full one.
    pub parent_id: Option<BackupId>,
    /// The size of the volume, or of the snapshot, in GiB.
    pub size_gb: i32,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// Where in the store the user wants it.
    pub container: Option<String>,
    /// The zone of the services that may make it, if the user cares.
    pub availability_zone: Option<String>,
    /// The user's key-value pairs.
    pub metadata: Metadata,
    /// When the snapshot was made, in RFC 3339: as of then the content is. `None` for the volume as it is.
    pub snapshot_time: Option<String>,
    /// Whether the caller accepts that servers may write meanwhile (`force`).
    pub while_attached: bool,
}

/// What every new backup takes from the quota.
pub(super) const TAKEN_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: quota::BACKUPS, sign: 1 },
    QuotaRule::Column { resource: quota::BACKUP_GIGABYTES, column: "size_gb", sign: 1 },
];

const BACKUP_SERVICE_REACHES_SOURCE: Precondition = Precondition {
    name: "backup_service_reaches_source",
    meaning: "a backup service is up, in the zone if one is asked for, that reaches the backend of the volume",
    refusal: &Of::<CreateBackup>(|_, _| {
        Error::unavailable("No backup service is up that reaches the backend of the volume.")
    }),
};

const ONLINE_BACKUP_SUPPORTED: Precondition = Precondition {
    name: "online_backup_supported",
    meaning: "it is not attached, or the caller accepts that and its backend can take a \
              snapshot of an attached volume",
    refusal: &Of::<CreateBackup>(|create, row| {
        if create.while_attached {
            row.invalid(
                "Volume is attached, and its backend cannot take a snapshot of an attached volume.",
            )
        } else {
            row.invalid(format!(
                "Backing up an in-use volume must use the force flag. The current status is: {}.",
                row.text("status")
            ))
        }
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "back a volume or a snapshot up",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Backup,
        starts_from: StartsFrom::New,
        preconditions: &[BACKUP_SERVICE_REACHES_SOURCE],
        while_running: WhileRunning::Becomes(Backup(BackupStatus::Creating)),
        when_done: Ending::Becomes(Backup(BackupStatus::Available)),
        when_failed: Ending::Becomes(Backup(BackupStatus::Error)),
        quota: TAKEN_QUOTA,
    },
    others: &[
        (
            Role::Volume,
            Touch {
                resource: Resource::Volume,
                starts_from: StartsFrom::Statuses(&[
                    Volume(VolumeStatus::Available),
                    Volume(VolumeStatus::InUse),
                ]),
                preconditions: &[ONLINE_BACKUP_SUPPORTED],
                while_running: WhileRunning::Becomes(Volume(VolumeStatus::BackingUp)),
                when_done: Ending::PreviousStatus,
                when_failed: Ending::PreviousStatus,
                quota: &[],
            },
        ),
        (
            Role::Snapshot,
            Touch {
                resource: Resource::Snapshot,
                starts_from: StartsFrom::Statuses(&[Snapshot(SnapshotStatus::Available)]),
                preconditions: &[],
                while_running: WhileRunning::Becomes(Snapshot(SnapshotStatus::BackingUp)),
                when_done: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
                when_failed: Ending::Becomes(Snapshot(SnapshotStatus::Available)),
                quota: &[],
            },
        ),
        (
            Role::Backup,
            Touch {
                starts_from: StartsFrom::Statuses(&[Backup(BackupStatus::Available)]),
                ..Touch::keeping_status(Resource::Backup)
            },
        ),
    ],
    written_on_admission: &[
        "id",
        "project_id",
        "user_id",
        "volume_id",
        "snapshot_id",
        "parent_id",
        "size_gb",
        "name",
        "description",
        "container",
        "metadata",
        "data_timestamp",
    ],
    written_at_end: &[
        "container",
        "service_metadata",
        "object_count",
        "availability_zone",
        "fail_reason",
    ],
    effects: &[],
};

impl Definition for CreateBackup {
    fn subject(&self) -> Uuid {
        self.backup_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        let source = match self.snapshot_id {
            Some(snapshot) => (Role::Snapshot, snapshot.0),
            None => (Role::Volume, self.volume_id.0),
        };
        let parent = self.parent_id.map(|parent| (Role::Backup, parent.0));
        [source].into_iter().chain(parent).collect()
    }

    fn uses(&self) -> Vec<Uuid> {
        let parent = self.parent_id.map(|parent| parent.0);
        [self.volume_id.0].into_iter().chain(parent).collect()
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        let mut columns = json!({
            "id": self.backup_id,
            "project_id": caller.project_id,
            "user_id": caller.user_id,
            "volume_id": self.volume_id,
            "snapshot_id": self.snapshot_id,
            "parent_id": self.parent_id,
            "size_gb": self.size_gb,
            "name": self.name,
            "description": self.description,
            "container": self.container,
            "metadata": self.metadata,
        });
        columns["data_timestamp"] = match &self.snapshot_time {
            Some(time) => json!(time),
            None => json!("now"),
        };
        Columns::set(columns)
    }
}
