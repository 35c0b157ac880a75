//! `delete_attachment`: close a server's data path; with the last one, the volume's export goes.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::Attachment, Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use model::{AttachMode, AttachmentId, AttachmentStatus, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `delete_attachment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteAttachment {
    /// Which attachment.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// What the server could do.
    pub mode: AttachMode,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "close a server's data path to a volume",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Anything,
        preconditions: &[],
        while_running: WhileRunning::Becomes(Attachment(AttachmentStatus::Detaching)),
        when_done: Ending::Removed(Some(Attachment(AttachmentStatus::Detached))),
        when_failed: Ending::Becomes(Attachment(AttachmentStatus::ErrorDetaching)),
        quota: &[],
    },
    others: &[(Role::Volume, FOLLOWING_VOLUME)],
    written_on_admission: &[],
    written_at_end: &["detached_at"],
    effects: &[],
};

impl Definition for DeleteAttachment {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn exclusive_on(&self) -> Option<Uuid> {
        Some(self.volume_id.0)
    }

    fn columns_when_done(&self) -> Columns {
        Columns::set(json!({ "detached_at": "now" }))
    }
}
