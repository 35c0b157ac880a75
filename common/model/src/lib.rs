//! The resources that cinderblock keeps, one a file, their statuses beside them.

#[macro_use]
mod text_enum;
pub mod attachment;
pub mod backend;
pub mod backup;
pub mod caller;
pub mod capability;
pub mod connection;
pub mod error;
pub mod extra_specs;
pub mod failover;
pub mod ids;
pub mod manageable;
pub mod message;
pub mod migration;
pub mod operation_state;
pub mod qos;
pub mod quota;
pub mod service;
pub mod side;
pub mod snapshot;
pub mod transfer;
pub mod volume;
pub mod volume_type;

pub use attachment::{AttachMode, Attachment, AttachmentStatus, Connector, host_of};
pub use backend::{
    Backend, BackendReport, Condition, Placement, PoolReport, ReplicationMode, ReplicationProgress,
    ReplicationStatus,
};
pub use backup::{Backup, BackupStatus};
pub use caller::Caller;
pub use capability::Capability;
pub use connection::ConnectionInfo;
pub use error::{Error, ErrorKind, Result};
pub use failover::{
    AcceptedLoss, FailoverOutcome, FailoverPhase, FailoverReport, VolumeFailover, VolumeOutcome,
};
pub use ids::{
    AttachmentId, BackendId, BackupId, MessageId, OperationId, QosSpecsId, RequestId, ServiceId,
    SnapshotId, TransferId, VolumeId, VolumeTypeId,
};
pub use manageable::{Manageable, StoredObject};
pub use message::{Message, MessageLevel};
pub use migration::{Migration, MigrationStatus};
pub use operation_state::OperationState;
pub use qos::{QosConsumer, QosSpecs};
pub use service::{Binary, LogLevel, LogLevelChange, Service};
pub use side::Side;
pub use snapshot::{Snapshot, SnapshotStatus};
pub use text_enum::UnknownWord;
pub use transfer::Transfer;
pub use volume::{
    AttachedServer, ReplicaState, ReplicatedVolume, VerificationRequest, Volume, VolumeStatus,
};
pub use volume_type::VolumeType;

/// Key-value pairs that users attach to their resources, sorted by key.
pub type Metadata = std::collections::BTreeMap<String, String>;
