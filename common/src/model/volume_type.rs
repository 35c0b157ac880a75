//! A volume type: what a user may ask for and what a backend must then offer.

use super::{Metadata, VolumeTypeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

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
    /// The projects that may use it although it is not public.
    pub access: BTreeMap<String, bool>,
    /// The quality of service that goes with it.
    pub qos_specs_id: Option<Uuid>,
}

impl VolumeType {
    /// Whether several servers may attach a volume of this type at once.
    #[must_use]
    pub fn allows_multiattach(&self) -> bool {
        self.extra_specs.get("multiattach").is_some_and(|asked| asked == "<is> True")
    }
}
