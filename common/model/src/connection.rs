//! Connection info: how a server connects to a volume.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a client needs to attach a volume, in the form that os-brick and its like understand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionInfo {
    /// The protocol: `nbd`, `fake`, …
    pub driver_volume_type: String,
    /// What the protocol needs.
    pub data: Map<String, Value>,
}
