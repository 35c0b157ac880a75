//! `delete_volume_type`: a kind of volume that nobody uses goes.

use super::contract::{
    Class, Contract, Definition, Ending, Resource, StartsFrom, Touch, WhileRunning,
};
use super::precondition::shared::TYPE_UNUSED;
use super::precondition::{OfAny, Precondition};
use model::{Error, VolumeTypeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_volume_type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteVolumeType {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
}

const NOT_A_PROJECT_DEFAULT: Precondition = Precondition {
    name: "not_a_project_default",
    meaning: "it is the default type of no project",
    refusal: &OfAny(|_| {
        Error::bad_request(
            "The volume type is the default type of a project; set another default type first.",
        )
    }),
};

const NOT_THE_ONLY_TYPE: Precondition = Precondition {
    name: "not_the_only_type",
    meaning: "there is another type",
    refusal: &OfAny(|_| {
        Error::bad_request("The last volume type cannot be deleted: a volume always has one.")
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete an unused volume type",
    class: Class::Record,
    subject: Touch {
        resource: Resource::VolumeType,
        starts_from: StartsFrom::Anything,
        preconditions: &[TYPE_UNUSED, NOT_THE_ONLY_TYPE, NOT_A_PROJECT_DEFAULT],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Removed(None),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DeleteVolumeType {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }
}
