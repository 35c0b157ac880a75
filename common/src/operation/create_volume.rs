//! `create_volume`: an empty volume on the backend that placement chooses.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, QuotaRule, Resource, Role, Runs, StartsFrom,
    Status::Volume, Touch, WantedPlace, WhileRunning,
};
use crate::model::{Caller, Metadata, ReplicationStatus, VolumeId, VolumeStatus, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVolume {
    /// The id that the API made up for it.
    pub volume_id: VolumeId,
    /// What the user calls it.
    pub name: Option<String>,
    /// What the user says of it.
    pub description: Option<String>,
    /// Size in GiB.
    pub size_gb: i32,
    /// What it must be like.
    pub volume_type_id: VolumeTypeId,
    /// The zone in which it must be, if the user cares.
    pub availability_zone: Option<String>,
    /// The user's key-value pairs.
    pub metadata: Metadata,
}

impl Definition for CreateVolume {
    const CONTRACT: Contract = Contract {
        summary: "make an empty volume on the backend that placement chooses",
        class: Class::Place,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::New,
            preconditions: &[],
            while_running: WhileRunning::Becomes(Volume(VolumeStatus::Creating)),
            when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
            when_failed: Ending::Becomes(Volume(VolumeStatus::Error)),
        },
        others: &[],
        runs: Runs::OnBackend(AfterCrash::Rerun),
        quota: &[
            QuotaRule::Count { resource: "volumes", sign: 1 },
            QuotaRule::Column { resource: "gigabytes", column: "size_gb", sign: 1 },
        ],
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _role: Role, caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.volume_id,
            "project_id": caller.project_id,
            "user_id": caller.user_id,
            "name": self.name,
            "description": self.description,
            "size_gb": self.size_gb,
            "volume_type_id": self.volume_type_id,
            "metadata": self.metadata,
            "replication_status": ReplicationStatus::Disabled,
        }))
    }

    fn wanted_place(&self) -> Option<WantedPlace> {
        Some(WantedPlace {
            size_gb: self.size_gb,
            availability_zone: self.availability_zone.clone(),
        })
    }
}
