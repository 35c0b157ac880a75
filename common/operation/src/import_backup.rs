//! `import_backup`: make a backup known that is in the store, by a record that was exported of it.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Status::Backup,
    Touch, WhileRunning,
};
use super::create_backup::TAKEN_QUOTA;
use super::delete_backup::BACKUP_SERVICE_UP;
use super::precondition::{OfAny, Precondition};
use model::{BackupId, BackupStatus, Caller, Metadata, SnapshotId, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `import_backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportBackup {
    /// The id that it has in the record.
    pub backup_id: BackupId,
    /// The volume that it is of.
    pub volume_id: VolumeId,
    /// The snapshot that it is of.
    pub snapshot_id: Option<SnapshotId>,
    /// The backup from which it differs.
    pub parent_id: Option<BackupId>,
    /// The volume's size when it was made, in GiB.
    pub size_gb: i32,
    /// What people call it.
    pub name: Option<String>,
    /// What people say of it.
    pub description: Option<String>,
    /// Where in the store it is.
    pub container: String,
    /// What the names of its objects begin with.
    pub service_metadata: String,
    /// How many objects hold its data.
    pub object_count: i32,
    /// Key-value pairs.
    pub metadata: Metadata,
    /// As of when its content is, in RFC 3339; as of now where the record does not say.
    pub data_timestamp: Option<String>,
}

const DATA_STAY: Precondition = Precondition {
    name: "data_stay",
    meaning: "no backup with the same data is being deleted",
    refusal: &OfAny(|row| row.invalid("A backup with the same data is being deleted.")),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "make a backup known that is in the store",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Backup,
        starts_from: StartsFrom::New,
        preconditions: &[DATA_STAY, BACKUP_SERVICE_UP],
        while_running: WhileRunning::Becomes(Backup(BackupStatus::Creating)),
        when_done: Ending::Becomes(Backup(BackupStatus::Available)),
        when_failed: Ending::Becomes(Backup(BackupStatus::Error)),
        quota: TAKEN_QUOTA,
    },
    others: &[],
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
        "service_metadata",
        "object_count",
        "metadata",
        "data_timestamp",
    ],
    written_at_end: &["container", "service_metadata", "availability_zone", "fail_reason"],
    effects: &[],
};

impl Definition for ImportBackup {
    fn subject(&self) -> Uuid {
        self.backup_id.0
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        Columns::set(json!({
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
            "service_metadata": self.service_metadata,
            "object_count": self.object_count,
            "metadata": self.metadata,
            "data_timestamp": self.data_timestamp.as_deref().unwrap_or("now"),
        }))
    }

    /// Data that are not known to be those of the backup do not go with it.
    fn columns_when_failed(&self) -> Columns {
        Columns::set(json!({ "container": null, "service_metadata": null }))
    }
}
