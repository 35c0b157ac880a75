//! `begin_detaching`: a server is going to disconnect (`os-begin_detaching`).

use super::contract::{
    Class, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Attachment, Touch,
    WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use model::{AttachmentId, AttachmentStatus, VolumeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `begin_detaching`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeginDetaching {
    /// Which attachment.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "record that a server is going to disconnect",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[Attachment(AttachmentStatus::Attached)]),
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Becomes(Attachment(AttachmentStatus::Detaching)),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(Role::Volume, FOLLOWING_VOLUME)],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for BeginDetaching {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }
}
