//! `retype_volume`: give a volume another type, where it is or, if that does not fit, elsewhere.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Origin, Precondition, QuotaRule,
    Resource, Role, Runs, StartsFrom, Status::Volume, Touch, WantedPlace, WhileRunning,
};
use super::create_volume::replication_status;
use model::volume_type::asks_for_replication;
use model::{Metadata, VolumeId, VolumeStatus, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `retype_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetypeVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// Its new type.
    pub volume_type_id: VolumeTypeId,
    /// What the new type asks of a backend.
    pub extra_specs: Metadata,
    /// Whether the new type lets several servers attach it.
    pub multiattach: bool,
    /// The volume's size in GiB.
    pub size_gb: i32,
    /// The zone in which it stays.
    pub availability_zone: String,
    /// Where it is, and whether it may leave (`migration_policy`).
    pub origin: Origin,
}

impl Definition for RetypeVolume {
    const CONTRACT: Contract = Contract {
        summary: "give a volume another type, and with it another backend where the type needs one",
        class: Class::Modify,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[
                Volume(VolumeStatus::Available),
                Volume(VolumeStatus::InUse),
            ]),
            preconditions: &[
                Precondition::TypeChanges,
                Precondition::KeepsMultiattach,
                Precondition::KeepsFrontEndQos,
            ],
            while_running: WhileRunning::Becomes(Volume(VolumeStatus::Retyping)),
            when_done: Ending::PreviousStatus,
            when_failed: Ending::PreviousStatus,
            quota: &[
                QuotaRule::Retype { resource: "volumes", column: None },
                QuotaRule::Retype { resource: "gigabytes", column: Some("size_gb") },
            ],
        },
        others: &[(Role::VolumeType, Touch::keeping_status(Resource::VolumeType))],
        runs: Runs::OnBackend(AfterCrash::Rerun),
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::VolumeType, self.volume_type_id.0)]
    }

    fn uses(&self) -> Vec<Uuid> {
        vec![self.volume_type_id.0]
    }

    fn columns_when_done(&self, role: Role) -> Columns {
        match role {
            Role::Subject => Columns::set(json!({
                "volume_type_id": self.volume_type_id,
                "multiattach": self.multiattach,
                "replicated": asks_for_replication(&self.extra_specs),
                "replication_status": replication_status(&self.extra_specs),
            })),
            Role::Volume | Role::Snapshot | Role::VolumeType => Columns::none(),
        }
    }

    fn wanted_place(&self) -> Option<WantedPlace> {
        Some(WantedPlace {
            size_gb: self.size_gb,
            availability_zone: Some(self.availability_zone.clone()),
            extra_specs: self.extra_specs.clone(),
            origin: Some(self.origin.clone()),
            ..WantedPlace::default()
        })
    }
}
