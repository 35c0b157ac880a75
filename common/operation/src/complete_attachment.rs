//! `complete_attachment`: the server has connected.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Attachment,
    Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use model::{AttachmentId, AttachmentStatus, Caller, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `complete_attachment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompleteAttachment {
    /// Which attachment.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "record that a server has connected",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[
            Attachment(AttachmentStatus::Reserved),
            Attachment(AttachmentStatus::Attaching),
            Attachment(AttachmentStatus::Attached),
        ]),
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Becomes(Attachment(AttachmentStatus::Attached)),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(Role::Volume, FOLLOWING_VOLUME)],
    written_on_admission: &["attached_at"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for CompleteAttachment {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "attached_at": "now" }))
    }
}
