//! `update_attachment`: open a volume's data path for a server's host.

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::Attachment, Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use super::precondition::shared::{
    ATTACH_MODE_ALLOWED, ATTACH_MODE_UNCHANGED, NO_OTHER_CONNECTION, NOT_IN_ERROR,
};
use model::{AttachMode, AttachmentId, AttachmentStatus, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The arguments of `update_attachment`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateAttachment {
    /// Which attachment.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// The connector of the host; cinderblock itself reads `host`, `mountpoint` and `mode`.
    pub connector: Map<String, Value>,
    /// What the server may do.
    pub mode: AttachMode,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "open a volume's data path for a server's host",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[
            Attachment(AttachmentStatus::Reserved),
            Attachment(AttachmentStatus::Attaching),
            // as Nova does when it unshelves a server that was attached while it was shelved
            Attachment(AttachmentStatus::Attached),
        ]),
        preconditions: &[ATTACH_MODE_UNCHANGED],
        while_running: WhileRunning::Becomes(Attachment(AttachmentStatus::Attaching)),
        when_done: Ending::Unchanged,
        when_failed: Ending::PreviousStatus,
        quota: &[],
    },
    others: &[(
        Role::Volume,
        Touch {
            preconditions: &[NOT_IN_ERROR, NO_OTHER_CONNECTION, ATTACH_MODE_ALLOWED],
            ..FOLLOWING_VOLUME
        },
    )],
    written_on_admission: &[],
    // what fails leaves what the attachment had before
    written_at_end: &["host_name", "mountpoint", "attach_mode", "connector", "connection_info"],
    effects: &[],
};

impl Definition for UpdateAttachment {
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
        Columns::set(json!({
            "host_name": self.connector.get("host"),
            "mountpoint": self.connector.get("mountpoint"),
            "attach_mode": self.mode,
        }))
    }
}
