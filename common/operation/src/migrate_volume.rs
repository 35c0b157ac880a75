//! `migrate_volume`: take a volume to another backend.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Effect, Ending, Resource, StartsFrom,
    Status::Volume, Touch, WhileRunning,
};
use super::placement::{Origin, PlacementRequest};
use model::{BackendId, Caller, Metadata, MigrationStatus, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `migrate_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MigrateVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The volume's size in GiB.
    pub size_gb: i32,
    /// What its type asks of a backend.
    pub extra_specs: Metadata,
    /// Where it is.
    pub origin: Origin,
    /// The backend that gets it.
    pub to: BackendId,
    /// The pool there; any, when none is named.
    pub to_pool: Option<String>,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "migrate a volume to another backend",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
        preconditions: &[],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Maintenance)),
        when_done: Ending::PreviousStatus,
        when_failed: Ending::PreviousStatus,
        quota: &[],
    },
    others: &[],
    written_on_admission: &["migration_status"],
    written_at_end: &["migration_status"],
    effects: &[Effect::Migrates],
};

impl Definition for MigrateVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "migration_status": MigrationStatus::Migrating }))
    }

    fn columns_when_failed(&self) -> Columns {
        Columns::set(json!({ "migration_status": MigrationStatus::Error }))
    }

    fn placement_request(&self) -> Option<PlacementRequest> {
        Some(PlacementRequest {
            size_gb: self.size_gb,
            backend_id: Some(self.to),
            pool: self.to_pool.clone(),
            extra_specs: self.extra_specs.clone(),
            origin: Some(self.origin.clone()),
            ..PlacementRequest::default()
        })
    }
}
