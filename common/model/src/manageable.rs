//! What is on a backend and not among its volumes or snapshots, and so could be.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum! {
    /// What storage can become.
    pub enum Manageable {
        /// Volumes.
        Volumes = "volumes",
        /// Snapshots.
        Snapshots = "snapshots",
    }
}

/// Something on a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredObject {
    /// Its name there.
    pub name: String,
    /// Its size in GiB, rounded up.
    pub size_gb: i32,
    /// The volume or snapshot that it is already.
    pub id: Option<Uuid>,
    /// The volume that a snapshot is of, where that is known.
    pub volume_id: Option<Uuid>,
}
