//! A snapshot: a volume's content as it was at one moment, on the same backend.

use super::{BackendId, BackupId, Metadata, SnapshotId, Volume, VolumeId, VolumeTypeId};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;

text_enum! {
    /// Where a snapshot stands, in Cinder's words.
    pub enum SnapshotStatus {
        /// The backend is making it.
        Creating = "creating",
        /// It exists.
        Available = "available",
        /// Its volume is being put back to it.
        Restoring = "restoring",
        /// A backup is made of it.
        BackingUp = "backing-up",
        /// The backend is unmanaging it.
        Unmanaging = "unmanaging",
        /// The backend is removing it.
        Deleting = "deleting",
        /// It is gone; the row stays for paging and audit until it is purged.
        Deleted = "deleted",
        /// It could not be made.
        Error = "error",
        /// It could not be removed.
        ErrorDeleting = "error_deleting",
    }
}

impl SnapshotStatus {
    /// Whether an operation must be in progress while a snapshot shows this status.
    #[must_use]
    pub const fn is_transitional(self) -> bool {
        match self {
            Self::Creating
            | Self::Restoring
            | Self::BackingUp
            | Self::Unmanaging
            | Self::Deleting => true,
            Self::Available | Self::Deleted | Self::Error | Self::ErrorDeleting => false,
        }
    }
}

/// A snapshot as the view `snapshot_details` shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Snapshot {
    /// Its id, also the name of its object on the backend.
    pub id: SnapshotId,
    /// The project that owns it.
    pub project_id: String,
    /// The user who created it.
    pub user_id: String,
    /// The volume that it is of.
    pub volume_id: VolumeId,
    /// The volume's type when it was made.
    pub volume_type_id: VolumeTypeId,
    /// The backend that holds both.
    pub backend_id: BackendId,
    /// The volume's zone.
    pub availability_zone: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// The volume's size when it was made, in GiB.
    pub size_gb: i32,
    /// Where it stands.
    pub status: SnapshotStatus,
    /// How much of it is made, as a percentage.
    pub progress: String,
    /// The user's key-value pairs.
    pub metadata: Metadata,
    /// Whether it counts against the project's quota.
    pub consumes_quota: bool,
    /// When the row was made.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
    /// When the row last changed.
    #[serde(with = "rfc3339::option")]
    pub updated_at: Option<OffsetDateTime>,
}

impl Snapshot {
    /// The snapshot that keeps a moment of a volume while that is backed up. It has the backup's id, and no row: it goes when the backup is
    /// made.
    #[must_use]
    pub fn of_backup(backup: BackupId, volume: &Volume) -> Self {
        Self {
            id: SnapshotId(backup.0),
            project_id: volume.project_id.clone(),
            user_id: volume.user_id.clone(),
            volume_id: volume.id,
            volume_type_id: volume.volume_type_id,
            backend_id: volume.backend_id,
            availability_zone: volume.availability_zone.clone(),
            name: None,
            description: None,
            size_gb: volume.size_gb,
            status: SnapshotStatus::Creating,
            progress: String::new(),
            metadata: volume.metadata.clone(),
            consumes_quota: false,
            created_at: volume.created_at,
            updated_at: None,
        }
    }
}
