//! `retype_volume`: give a volume another type, where it is or, if that does not fit, elsewhere.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Effect, Ending, QuotaRule, Resource, Role,
    StartsFrom, Status::Volume, Touch, WhileRunning,
};
use super::create_volume::replication_status;
use super::placement::{Origin, PlacementRequest};
use super::precondition::{OfAny, Precondition};
use model::volume_type::asks_for_replication;
use model::{Caller, Metadata, VolumeId, VolumeStatus, VolumeTypeId, quota};
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

const TYPE_CHANGES: Precondition = Precondition {
    name: "type_changes",
    meaning: "the new type is another one",
    refusal: &OfAny(|row| row.invalid("It is of this type already.")),
};

const KEEPS_MULTIATTACH: Precondition = Precondition {
    name: "keeps_multiattach",
    meaning: "it is not attached, or as many servers may attach it as before",
    refusal: &OfAny(|row| {
        row.invalid("Volume is attached: the multiattach property cannot change.")
    }),
};

const KEEPS_FRONT_END_QOS: Precondition = Precondition {
    name: "keeps_front_end_qos",
    meaning: "it is not attached, or the limits that servers must keep to stay the same",
    refusal: &OfAny(|row| {
        row.invalid("Volume is attached: its front-end QoS specs cannot change.")
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change the type of a volume, and migrate it where the new type needs another backend",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[
            Volume(VolumeStatus::Available),
            Volume(VolumeStatus::InUse),
        ]),
        preconditions: &[TYPE_CHANGES, KEEPS_MULTIATTACH, KEEPS_FRONT_END_QOS],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Retyping)),
        when_done: Ending::PreviousStatus,
        when_failed: Ending::PreviousStatus,
        quota: &[
            QuotaRule::Retype { resource: quota::VOLUMES, column: None },
            QuotaRule::Retype { resource: quota::GIGABYTES, column: Some("size_gb") },
        ],
    },
    others: &[(Role::VolumeType, Touch::keeping_status(Resource::VolumeType))],
    written_on_admission: &["migration_status"],
    written_at_end: &[
        "volume_type_id",
        "multiattach",
        "replicated",
        "replication_status",
        "migration_status",
    ],
    effects: &[Effect::Migrates],
};

impl Definition for RetypeVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::VolumeType, self.volume_type_id.0)]
    }

    fn uses(&self) -> Vec<Uuid> {
        vec![self.volume_type_id.0]
    }

    /// What an earlier migration came to says nothing of this one.
    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "migration_status": null }))
    }

    fn columns_when_done(&self) -> Columns {
        Columns::set(json!({
            "volume_type_id": self.volume_type_id,
            "multiattach": self.multiattach,
            "replicated": asks_for_replication(&self.extra_specs),
            "replication_status": replication_status(&self.extra_specs),
        }))
    }

    fn placement_request(&self) -> Option<PlacementRequest> {
        Some(PlacementRequest {
            size_gb: self.size_gb,
            availability_zone: Some(self.availability_zone.clone()),
            extra_specs: self.extra_specs.clone(),
            origin: Some(self.origin.clone()),
            ..PlacementRequest::default()
        })
    }
}
