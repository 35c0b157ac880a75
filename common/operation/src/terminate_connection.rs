//! `terminate_connection`: close a server's data path, while it still counts as attached
//! (`os-terminate_connection`).

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::Attachment, Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use model::{AttachMode, AttachmentId, AttachmentStatus, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `terminate_connection`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TerminateConnection {
    /// Which attachment.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// What the server could do.
    pub mode: AttachMode,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "close a server's data path to a volume that still counts as attached",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[
            Attachment(AttachmentStatus::Attached),
            Attachment(AttachmentStatus::Detaching),
            Attachment(AttachmentStatus::ErrorDetaching),
        ]),
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Unchanged,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(Role::Volume, FOLLOWING_VOLUME)],
    written_on_admission: &[],
    written_at_end: &["connector", "connection_info"],
    effects: &[],
};

impl Definition for TerminateConnection {
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
        Columns::set(json!({ "connector": null, "connection_info": null }))
    }
}
