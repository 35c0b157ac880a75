//! `create_volume_type`: a new kind of volume to ask for.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Touch, WhileRunning,
};
use model::{Caller, Metadata, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_volume_type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVolumeType {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// Its unique name.
    pub name: String,
    /// What the operator says of it.
    pub description: Option<String>,
    /// Whether every project may use it.
    pub is_public: bool,
    /// What a backend must offer.
    pub extra_specs: Metadata,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "create a volume type",
    class: Class::Record,
    subject: Touch {
        resource: Resource::VolumeType,
        starts_from: StartsFrom::New,
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Unchanged,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    written_on_admission: &["id", "name", "description", "is_public", "extra_specs"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for CreateVolumeType {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.volume_type_id,
            "name": self.name,
            "description": self.description,
            "is_public": self.is_public,
            "extra_specs": self.extra_specs,
        }))
    }
}
