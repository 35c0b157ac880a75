//! `release_attachment`: give up an attachment for which no data path was opened.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Attachment,
    Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use super::precondition::shared::NO_OPERATION_IN_PROGRESS;
use super::precondition::{OfAny, Precondition};
use model::{AttachmentId, AttachmentStatus, Caller, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `release_attachment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseAttachment {
    /// Which attachment.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
}

const NOT_CONNECTED: Precondition = Precondition {
    name: "not_connected",
    meaning: "no data path was opened for it",
    refusal: &OfAny(|row| {
        row.invalid(
            "The attachment already has connection information; terminate its connection first.",
        )
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete an attachment that has no data path",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Anything,
        preconditions: &[NO_OPERATION_IN_PROGRESS, NOT_CONNECTED],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Removed(Some(Attachment(AttachmentStatus::Detached))),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(Role::Volume, FOLLOWING_VOLUME)],
    written_on_admission: &["detached_at"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ReleaseAttachment {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "detached_at": "now" }))
    }
}
