//! A volume type: what a user may ask for and what a backend must then offer.

use super::{Metadata, VolumeTypeId};
use serde::{Deserialize, Serialize};

/// A volume type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VolumeType {
    /// Its id.
    pub id: VolumeTypeId,
    /// Its unique name.
    pub name: String,
    /// What the operator says of it.
    pub description: Option<String>,
    /// Whether every project may use it.
    pub is_public: bool,
    /// What a backend must offer.
    pub extra_specs: Metadata,
}
