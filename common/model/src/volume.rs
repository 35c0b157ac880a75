//! A volume: a block device of a project, on one pool of one backend.

use super::{
    AttachMode, AttachmentId, BackendId, Metadata, MigrationStatus, ReplicationStatus, Side,
    VolumeId, VolumeTypeId,
};
use serde::Deserialize;
use time::OffsetDateTime;
use time::serde::rfc3339;
use uuid::Uuid;

text_enum! {
    /// The status of a volume, as Cinder names it.
    pub enum VolumeStatus {
        /// The backend is making it.
        Creating = "creating",
        /// It exists and nobody uses it.
        Available = "available",
        /// A server is going to be attached.
        Reserved = "reserved",
        /// A server is being attached.
        Attaching = "attaching",
        /// At least one server is attached.
        InUse = "in-use",
        /// A server is being detached.
        Detaching = "detaching",
        /// It is offered to another project.
        AwaitingTransfer = "awaiting-transfer",
        /// The backend is growing it.
        Extending = "extending",
        /// The backend is putting a snapshot's content back.
        Reverting = "reverting",
        /// It gets the content of another image.
        Downloading = "downloading",
        /// An image is made of it.
        Uploading = "uploading",
        /// A backup is made of it.
        BackingUp = "backing-up",
        /// It gets the content of a backup.
        RestoringBackup = "restoring-backup",
        /// It gets another volume type, and perhaps another backend.
        Retyping = "retyping",
        /// It is on its way to another backend.
        Maintenance = "maintenance",
        /// The backend is starting to manage existing storage.
        Managing = "managing",
        /// The backend is unmanaging it.
        Unmanaging = "unmanaging",
        /// The backend is removing it.
        Deleting = "deleting",
        /// It is gone; the row stays for paging and audit until it is purged.
        Deleted = "deleted",
        /// It could not be made.
        Error = "error",
        /// It could not be grown.
        ErrorExtending = "error_extending",
        /// What was there could not be taken over; it is as it was.
        ErrorManaging = "error_managing",
        /// It could not get the content of a backup; of its own nothing is sure.
        ErrorRestoring = "error_restoring",
        /// Unmanaging failed.
        ErrorUnmanaging = "error_unmanaging",
        /// It could not be removed.
        ErrorDeleting = "error_deleting",
    }
}

impl VolumeStatus {
    /// Whether an operation must be in progress while a volume shows this status.
    #[must_use]
    pub const fn is_transitional(self) -> bool {
        match self {
            Self::Creating
            | Self::Extending
            | Self::Reverting
            | Self::Downloading
            | Self::Uploading
            | Self::BackingUp
            | Self::RestoringBackup
            | Self::Retyping
            | Self::Maintenance
            | Self::Managing
            | Self::Unmanaging
            | Self::Deleting => true,
            // the servers' side brings about what follows these
            Self::Reserved | Self::Attaching | Self::Detaching => false,
            Self::Available
            | Self::InUse
            | Self::AwaitingTransfer
            | Self::Deleted
            | Self::Error
            | Self::ErrorExtending
            | Self::ErrorManaging
            | Self::ErrorRestoring
            | Self::ErrorUnmanaging
            | Self::ErrorDeleting => false,
        }
    }
}

text_enum! {
    /// Whether a volume's replica has every acknowledged write, in DRBD's words.
    pub enum ReplicaState {
        /// It has.
        InSync = "in-sync",
        /// It may lack some.
        OutOfSync = "out-of-sync",
        /// There is none, or nothing keeps it: the volume is where it is, and nowhere else.
        Unprotected = "unprotected",
    }
}

/// What drivers need to know of a volume to keep its replica up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicatedVolume {
    /// Its id.
    pub id: VolumeId,
    /// Its size, in GiB.
    pub size_gb: i32,
    /// What its owner notes about it.
    pub metadata: Metadata,
    /// The verification of its replica that is due, if one is.
    pub verification: Option<VerificationRequest>,
}

impl From<&Volume> for ReplicatedVolume {
    fn from(volume: &Volume) -> Self {
        let Volume { id, size_gb, metadata, .. } = volume;
        Self { id: *id, size_gb: *size_gb, metadata: metadata.clone(), verification: None }
    }
}

/// An operator asks for replicas that are in sync to be compared with their volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationRequest {
    /// Which verification it is.
    pub id: Uuid,
    /// Whether what differs is made equal to the volume; otherwise it is counted alone.
    pub repair: bool,
}

/// A volume as the view `volume_details` shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct Volume {
    /// Its id, also the name of its object on the backend.
    pub id: VolumeId,
    /// The project that owns it.
    pub project_id: String,
    /// The user who created it.
    pub user_id: String,
    /// The backend that holds it.
    pub backend_id: BackendId,
    /// That backend's name, `host@backend`.
    pub backend_name: String,
    /// The cluster whose members share the backend.
    #[serde(default)]
    pub cluster_name: Option<String>,
    /// The pool of the backend.
    pub pool: String,
    /// The availability zone of the backend at creation.
    pub availability_zone: String,
    /// The volume type.
    pub volume_type_id: VolumeTypeId,
    /// The volume type's name.
    pub volume_type_name: String,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// Size in GiB.
    pub size_gb: i32,
    /// Where it stands.
    pub status: VolumeStatus,
    /// The status before the operation in progress.
    pub previous_status: Option<VolumeStatus>,
    /// The progress of its newest migration.
    pub migration_status: Option<MigrationStatus>,
    /// Whether a server may boot from it.
    pub bootable: bool,
    /// Whether several servers may attach it at once.
    pub multiattach: bool,
    /// The snapshot that it was made from.
    pub snapshot_id: Option<Uuid>,
    /// The volume that it is a clone of.
    pub source_volume_id: Option<Uuid>,
    /// Whether servers may only read; `None` when nobody said.
    pub readonly: Option<bool>,
    /// The user's key-value pairs.
    pub metadata: Metadata,
    /// What is known of the image that it was made from.
    pub image_metadata: Metadata,
    /// The servers that are attached.
    pub attachments: Vec<AttachedServer>,
    /// The front-end QoS specs of its volume type.
    #[serde(default)]
    pub front_end_qos: Option<Metadata>,
    /// Whether its type asks for replication.
    #[serde(default)]
    pub replicated: bool,
    /// Where its replication stands.
    pub replication_status: ReplicationStatus,
    /// The state of its replica as of the newest replication report; `None` when it has no replica.
    #[serde(default)]
    pub replication_extended_status: Option<ReplicaState>,
    /// The target that its replica is on.
    #[serde(default)]
    pub replication_driver_data: Option<String>,
    /// The last look at which its replica had every acknowledged write, by the database's clock; `None` when there was none.
    #[serde(default, with = "rfc3339::option")]
    pub replica_as_of: Option<OffsetDateTime>,
    /// Whether it counts against the project's quota.
    pub consumes_quota: bool,
    /// The id of the service that looks after its backend.
    pub service_id: Option<Uuid>,
    /// When the row was made.
    #[serde(with = "rfc3339")]
    pub created_at: OffsetDateTime,
    /// When the row last changed.
    #[serde(with = "rfc3339::option")]
    pub updated_at: Option<OffsetDateTime>,
}

/// A server that is attached to a volume.
#[derive(Clone, Debug, Deserialize)]
pub struct AttachedServer {
    /// The attachment.
    pub id: AttachmentId,
    /// The server.
    pub instance_id: Option<Uuid>,
    /// The host that the server is on.
    pub host_name: Option<String>,
    /// The device that it is to the server.
    pub mountpoint: Option<String>,
    /// `rw` or `ro`.
    pub attach_mode: AttachMode,
    /// Since when.
    #[serde(with = "rfc3339::option")]
    pub attached_at: Option<OffsetDateTime>,
}

impl Volume {
    /// The last look at which its replica on this side was in sync; `None` when there was none, and for every side that its replica is
    /// not on.
    #[must_use]
    pub fn as_of_on(&self, side: &Side) -> Option<OffsetDateTime> {
        let is_there =
            side.target().is_some() && side.target() == self.replication_driver_data.as_deref();
        self.replica_as_of.filter(|_| is_there)
    }

    /// `host@backend#pool`, the form in which Cinder's clients know the place of a volume.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}#{}", self.backend_name, self.pool)
    }
}
