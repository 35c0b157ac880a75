//! `reserve_volume`: keep a volume for a server that is not named yet (`os-reserve`).

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::{Attachment, Volume},
    Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use super::precondition::shared::{ATTACH_MODE_ALLOWED, RESERVABLE};
use model::{AttachMode, AttachmentId, AttachmentStatus, Caller, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `reserve_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReserveVolume {
    /// The id that the API made up for the attachment.
    pub attachment_id: AttachmentId,
    /// Which volume.
    pub volume_id: VolumeId,
    /// Whose that is, and so the attachment, whoever asks for it.
    pub project_id: String,
    /// What the server may do.
    pub mode: AttachMode,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "reserve a volume for a server that is not named yet",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::New,
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Becomes(Attachment(AttachmentStatus::Attaching)),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(
        Role::Volume,
        Touch {
            // while one server is coming, no other can be told from it
            starts_from: StartsFrom::Statuses(&[
                Volume(VolumeStatus::Available),
                Volume(VolumeStatus::InUse),
            ]),
            preconditions: &[RESERVABLE, ATTACH_MODE_ALLOWED],
            ..FOLLOWING_VOLUME
        },
    )],
    written_on_admission: &["id", "project_id", "volume_id", "attach_mode", "through_actions"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ReserveVolume {
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
            "attach_mode": self.mode,
            "through_actions": true,
        }))
    }
}
