//! `create_volume_from_backup`: a volume on the backend that placement chooses, with the content of a backup.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::Volume, Touch, WhileRunning,
};
use super::create_volume::{self, CreateVolume, TAKEN_QUOTA};
use super::placement::PlacementRequest;
use super::precondition::shared::{BACKEND_REPLICATES, TYPE_EXISTS};
use super::restore_backup::{BACKUP_SERVICE_REACHES_IT, RESTORED, RESTORED_COLUMNS};
use model::{BackupId, Caller, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `create_volume_from_backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateVolumeFromBackup {
    /// The volume.
    pub volume: CreateVolume,
    /// The backup whose content it gets.
    pub backup_id: BackupId,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "create a volume from a backup",
    class: Class::Place,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::New,
        preconditions: &[TYPE_EXISTS, BACKEND_REPLICATES, BACKUP_SERVICE_REACHES_IT],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::Creating)),
        when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
        when_failed: Ending::Becomes(Volume(VolumeStatus::Error)),
        quota: TAKEN_QUOTA,
    },
    others: &[(Role::Backup, RESTORED)],
    written_on_admission: create_volume::CONTRACT.written_on_admission,
    written_at_end: RESTORED_COLUMNS,
    effects: &[],
};

impl Definition for CreateVolumeFromBackup {
    fn subject(&self) -> Uuid {
        self.volume.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Backup, self.backup_id.0)]
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        self.volume.columns_on_admission(caller)
    }

    fn placement_request(&self) -> Option<PlacementRequest> {
        self.volume.placement_request()
    }
}
