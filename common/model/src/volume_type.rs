//! A volume type: what a user may ask for and what a backend must then offer.

use super::{Metadata, QosSpecsId, VolumeTypeId};
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
    pub qos_specs_id: Option<QosSpecsId>,
    /// How its volumes are encrypted; `None` for not at all.
    #[serde(default)]
    pub encryption: Option<Encryption>,
}

/// Whether extra specs ask for replicated volumes.
#[must_use]
pub fn asks_for_replication(extra_specs: &Metadata) -> bool {
    extra_specs.get("replication_enabled").is_some_and(|asked| asked == "<is> True")
}

/// How volumes of a type are encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encryption {
    /// Its id.
    pub encryption_id: Uuid,
    /// What encrypts, in Nova's words.
    pub provider: String,
    /// Who encrypts: `front-end` or `back-end`.
    pub control_location: String,
    /// The cipher.
    pub cipher: Option<String>,
    /// The length of the key in bits.
    pub key_size: Option<i32>,
}

impl VolumeType {
    /// Whether several servers may attach a volume of this type at once.
    #[must_use]
    pub fn allows_multiattach(&self) -> bool {
        self.extra_specs.get("multiattach").is_some_and(|asked| asked == "<is> True")
    }
}
