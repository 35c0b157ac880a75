//! Identifiers, one type each, so that a volume's id is never passed where a backend's belongs.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! uuid_id {
    ($( $(#[$meta:meta])* $name:ident, )+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random id (version 4, as Cinder's clients expect).
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+ };
}

uuid_id! {
    /// A volume.
    VolumeId,
    /// A snapshot of a volume.
    SnapshotId,
    /// A server's attachment to a volume.
    AttachmentId,
    /// A backup of a volume.
    BackupId,
    /// The offer of a volume to another project.
    TransferId,
    /// A volume type.
    VolumeTypeId,
    /// A quality of service.
    QosSpecsId,
    /// A message to a user.
    MessageId,
    /// A storage backend.
    BackendId,
    /// A row of the service registry.
    ServiceId,
}

/// An operation, from the moment the API makes it up until its record is purged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub Uuid);

impl OperationId {
    /// A new id; ids made later sort later, which keeps the operation log's index compact.
    #[must_use]
    pub fn next() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The id under which one API request can be followed through all services: `req-<uuid>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub String);

impl RequestId {
    /// A new random request id.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("req-{}", Uuid::new_v4()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
