//! `reset_volume_status`: an admin says where a volume stands, after something went wrong.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom, Touch, WhileRunning,
};
use super::precondition::shared::NOT_BEING_WORKED_ON;
use super::precondition::{Of, OfAny, Precondition};
use model::{Caller, MigrationStatus, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

/// The arguments of `reset_volume_status`. What is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResetVolumeStatus {
    /// Which volume.
    pub volume_id: VolumeId,
    /// Where it stands; never a status that only a running operation shows.
    pub status: Option<VolumeStatus>,
    /// Whether nobody may be attached for this to make sense.
    pub detached: bool,
    /// The progress of a migration; `Some(None)` forgets it.
    #[serde(
        default,
        with = "super::change::absent_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub migration_status: Option<Option<MigrationStatus>>,
}

const FITS_ATTACHMENTS: Precondition = Precondition {
    name: "fits_attachments",
    meaning: "its attachments allow the status that is asked for",
    refusal: &Of::<ResetVolumeStatus>(|reset, row| {
        row.invalid(format!(
            "Status {} does not fit the volume's attachments; change those.",
            json!(reset.status)
        ))
    }),
};

const IS_SERVED: Precondition = Precondition {
    name: "is_served",
    meaning: "it is on the side that its backend serves, or no status is asked for",
    refusal: &OfAny(|row| {
        row.invalid(
            "The volume is not where its backend serves from. It is given back when the backend fails over to \
             where it is; or an operator fails over and accepts the loss.",
        )
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "say where a volume stands, unless it is being worked on",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Anything,
        preconditions: &[NOT_BEING_WORKED_ON, FITS_ATTACHMENTS, IS_SERVED],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::AsAsked,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    effects: &[],
};

impl Definition for ResetVolumeStatus {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        let mut set = Map::new();
        if let Some(status) = self.status {
            set.insert("status".to_owned(), json!(status));
            set.insert("previous_status".to_owned(), json!(null));
        }
        if let Some(migration_status) = &self.migration_status {
            set.insert("migration_status".to_owned(), json!(migration_status));
        }
        Columns { set, ..Columns::none() }
    }
}
