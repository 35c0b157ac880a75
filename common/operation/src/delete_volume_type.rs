//! `delete_volume_type`: a kind of volume that nobody uses goes.

use super::contract::{
    Class, Contract, Definition, Ending, Precondition, Resource, Runs, StartsFrom, Touch,
    WhileRunning,
};
use model::VolumeTypeId;
use serde::{Deserialize, Serialize};

use uuid::Uuid;

/// The arguments of `delete_volume_type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteVolumeType {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
}

impl Definition for DeleteVolumeType {
    const CONTRACT: Contract = Contract {
        summary: "remove a kind of volume that no volume is of",
        class: Class::Record,
        subject: Touch {
            resource: Resource::VolumeType,
            starts_from: StartsFrom::Anything,
            preconditions: &[
                Precondition::TypeUnused,
                Precondition::NotTheOnlyType,
                Precondition::NoProjectsDefault,
            ],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Removed(None),
            when_failed: Ending::Unchanged,
            quota: &[],
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }
}
