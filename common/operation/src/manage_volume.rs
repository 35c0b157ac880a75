//! `manage_volume`: make something that is on a backend a volume.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Status::Volume,
    Touch, WhileRunning,
};
use super::create_volume::{TAKEN_QUOTA, replication_status};
use super::placement::PlacementRequest;
use super::precondition::shared::{BACKEND_REPLICATES, TYPE_EXISTS};
use model::volume_type::asks_for_replication;
use model::{BackendId, Caller, Metadata, VolumeId, VolumeStatus, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `manage_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ManageVolume {
    /// The id that the API made up for it.
    pub volume_id: VolumeId,
    /// The backend that has it.
    pub backend_id: BackendId,
    /// What it is called there.
    pub source_name: String,
    /// Its size in GiB, rounded up.
    pub size_gb: i32,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// What it is like.
    pub volume_type_id: VolumeTypeId,
    /// What the type asks of a backend.
    pub extra_specs: Metadata,
    /// Whether several servers may attach it at once.
    pub multiattach: bool,
    /// Whether a server may boot from it.
    pub bootable: bool,
    /// The user's key-value pairs.
    pub metadata: Metadata,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "manage existing storage of a backend as a volume",
    class: Class::Place,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::New,
        preconditions: &[TYPE_EXISTS, BACKEND_REPLICATES],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Managing)),
        when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
        when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorManaging)),
        quota: TAKEN_QUOTA,
    },
    others: &[],
    written_on_admission: &[
        "id",
        "project_id",
        "user_id",
        "name",
        "description",
        "size_gb",
        "volume_type_id",
        "multiattach",
        "bootable",
        "metadata",
        "replicated",
        "replication_status",
    ],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ManageVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.volume_id,
            "project_id": caller.project_id,
            "user_id": caller.user_id,
            "name": self.name,
            "description": self.description,
            "size_gb": self.size_gb,
            "volume_type_id": self.volume_type_id,
            "multiattach": self.multiattach,
            "bootable": self.bootable,
            "metadata": self.metadata,
            "replicated": asks_for_replication(&self.extra_specs),
            "replication_status": replication_status(&self.extra_specs),
        }))
    }

    fn placement_request(&self) -> Option<PlacementRequest> {
        Some(PlacementRequest {
            // existing storage needs no additional capacity
            size_gb: 0,
            backend_id: Some(self.backend_id),
            extra_specs: self.extra_specs.clone(),
            ..PlacementRequest::default()
        })
    }
}
