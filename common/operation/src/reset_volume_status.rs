//! `reset_volume_status`: an admin says where a volume stands, after something went wrong.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Touch, WhileRunning,
};
use super::precondition::shared::NO_OPERATION_IN_PROGRESS;
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
    /// The new status.
    pub status: Option<VolumeStatus>,
    /// Whether the caller asks for the attach status `detached`.
    pub detached: bool,
    /// The progress of a migration; `Some(None)` forgets it.
    #[serde(
        default,
        with = "super::change::absent_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub migration_status: Option<Option<MigrationStatus>>,
}

const STATUS_MATCHES_ATTACHMENTS: Precondition = Precondition {
    name: "status_matches_attachments",
    meaning: "its attachments allow the status that is asked for",
    refusal: &Of::<ResetVolumeStatus>(|reset, row| {
        row.invalid(format!(
            "Status {} contradicts the volume's attachments; delete the attachments first.",
            json!(reset.status)
        ))
    }),
};

const ON_ACTIVE_SIDE: Precondition = Precondition {
    name: "on_active_side",
    meaning: "it is on the side that its backend serves, or no status is asked for",
    refusal: &OfAny(|row| {
        row.invalid(
            "The volume is not available on the active side of its backend. It becomes available after failback, \
             or after a failover that accepts data loss.",
        )
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the status of a volume, unless an operation on it is in progress",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Anything,
        preconditions: &[NO_OPERATION_IN_PROGRESS, STATUS_MATCHES_ATTACHMENTS, ON_ACTIVE_SIDE],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::AsAsked,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    written_on_admission: &["status", "previous_status", "migration_status"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ResetVolumeStatus {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
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
