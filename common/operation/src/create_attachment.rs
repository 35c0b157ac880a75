//! `create_attachment`: keep a volume for a server.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Attachment,
    Touch, WhileRunning,
};
use super::precondition::shared::{ATTACH_MODE_ALLOWED, RESERVABLE};
use model::{AttachMode, AttachmentId, AttachmentStatus, Caller, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_attachment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateAttachment {
    /// The id that the API made up for it.
    pub attachment_id: AttachmentId,
    /// Which volume.
    pub volume_id: VolumeId,
    /// Whose that is, and so the attachment, whoever asks for it.
    pub project_id: String,
    /// For which server.
    pub instance_id: Option<Uuid>,
    /// What the server may do.
    pub mode: AttachMode,
}

/// A volume whose status follows from its attachments.
pub(super) const FOLLOWING_VOLUME: Touch = Touch {
    resource: Resource::Volume,
    starts_from: StartsFrom::Anything,
    preconditions: &[],
    while_running: WhileRunning::ByAttachments,
    when_done: Ending::ByAttachments,
    when_failed: Ending::ByAttachments,
    quota: &[],
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "reserve a volume for a server",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::New,
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Becomes(Attachment(AttachmentStatus::Reserved)),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(
        Role::Volume,
        Touch { preconditions: &[RESERVABLE, ATTACH_MODE_ALLOWED], ..FOLLOWING_VOLUME },
    )],
    written_on_admission: &["id", "project_id", "volume_id", "instance_id", "attach_mode"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for CreateAttachment {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.attachment_id,
            "project_id": self.project_id,
            "volume_id": self.volume_id,
            "instance_id": self.instance_id,
            "attach_mode": self.mode,
        }))
    }
}
