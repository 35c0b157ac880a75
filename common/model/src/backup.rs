//! A backup: the content of a volume as it was at one moment, kept apart from every backend.

use super::{BackupId, Metadata, SnapshotId, VolumeId};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

text_enum! {
    /// Where a backup stands, in Cinder's words.
    pub enum BackupStatus {
        /// It is being made.
        Creating = "creating",
        /// It exists.
        Available = "available",
        /// A volume gets its content.
        Restoring = "restoring",
        /// It is being removed.
        Deleting = "deleting",
        /// It is gone; the row stays for paging and audit until it is purged.
        Deleted = "deleted",
        /// It could not be made.
        Error = "error",
        /// It could not be removed.
        ErrorDeleting = "error_deleting",
    }
}

impl BackupStatus {
    /// Whether an operation must be in progress while a backup shows this status.
    #[must_use]
    pub const fn is_transitional(self) -> bool {
        match self {
            Self::Creating | Self::Restoring | Self::Deleting => true,
            Self::Available | Self::Deleted | Self::Error | Self::ErrorDeleting => false,
        }
    }
}

/// A backup as the view `backup_details` shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Backup {
    /// Its id.
    pub id: BackupId,
    /// The project that owns it.
    pub project_id: String,
    /// The user who created it.
    pub user_id: String,
    /// The volume that it is of, which may be gone.
    pub volume_id: VolumeId,
    /// The snapshot that it is of, if it is not of the volume as it was.
    pub snapshot_id: Option<SnapshotId>,
    /// The backup from which it differs; `None` for a full one.
    pub parent_id: Option<BackupId>,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// The volume's size when it was made, in GiB.
    pub size_gb: i32,
    /// Where it stands.
    pub status: BackupStatus,
    /// Why it is in error.
    pub fail_reason: Option<String>,
    /// The zone of the service that has made it.
    pub availability_zone: Option<String>,
    /// Where in the store it is: Cinder's `container`.
    pub container: Option<String>,
    /// What the names of its objects begin with: Cinder's `service_metadata`.
    pub service_metadata: Option<String>,
    /// How many objects of the store hold its data.
    pub object_count: i32,
    /// The user's key-value pairs.
    pub metadata: Metadata,
    /// As of when its content is.
    #[serde(with = "rfc3339")]
    pub data_timestamp: OffsetDateTime,
    /// Whether others differ from it.
    pub has_dependent_backups: bool,
    /// When the row was made.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
    /// When the row last changed.
    #[serde(with = "rfc3339::option")]
    pub updated_at: Option<OffsetDateTime>,
}
