//! What an operation that puts a volume on a backend asks of the place.

use model::{BackendId, Metadata};
use serde::{Deserialize, Serialize};

/// The requirements on the placement of a volume.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlacementRequest {
    /// The required capacity, in GiB.
    pub size_gb: i32,
    /// The zone in which it must be, if that matters.
    pub availability_zone: Option<String>,
    /// The backend on which it must be: what it is made from is there, or the caller wants it there.
    pub backend_id: Option<BackendId>,
    /// The pool of it.
    pub pool: Option<String>,
    /// What the volume type asks of a backend.
    pub extra_specs: Metadata,
    /// Which other volumes must be there, or must not.
    pub affinity: Affinity,
    /// Where the volume is, if it is not new.
    pub origin: Option<Origin>,
}

/// Where a volume must be in view of others, from a user's scheduler hints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Affinity {
    /// On one of these (`same_host`).
    pub same: Option<Vec<BackendId>>,
    /// On none of these (`different_host`).
    pub different: Vec<BackendId>,
}

/// Where a volume is that may get another place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The backend.
    pub backend_id: BackendId,
    /// The pool.
    pub pool: String,
    /// Whether it may stay there.
    pub may_stay: bool,
    /// Whether it may leave.
    pub may_leave: bool,
}
