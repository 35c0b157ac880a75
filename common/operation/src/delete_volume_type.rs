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

const NO_PROJECTS_DEFAULT: Precondition = Precondition {
    name: "no_projects_default",
    meaning: "it is the default type of no project",
    refusal: &OfAny(|_| {
        Error::bad_request(
            "The volume type is the default of a project; give that another one first.",
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
    summary: "remove a kind of volume that no volume is of",
    class: Class::Record,
    subject: Touch {
        resource: Resource::VolumeType,
        starts_from: StartsFrom::Anything,
        preconditions: &[TYPE_UNUSED, NOT_THE_ONLY_TYPE, NO_PROJECTS_DEFAULT],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Removed(None),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    effects: &[],
};

impl Definition for DeleteVolumeType {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }
}
