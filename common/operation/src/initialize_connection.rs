//! `initialize_connection`: open a volume's data path for a server's host (`os-initialize_connection`).

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::Attachment, Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use super::precondition::shared::{ATTACH_MODE_ALLOWED, NO_OTHER_CONNECTION, NOT_IN_ERROR};
use super::precondition::{OfAny, Precondition};
use model::{AttachMode, AttachmentId, AttachmentStatus, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The arguments of `initialize_connection`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitializeConnection {
    /// The attachment that was made by `reserve_volume`.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// The connector of the host; cinderblock itself reads `host`.
    pub connector: Map<String, Value>,
    /// What the server may do.
    pub mode: AttachMode,
}

const HOST_UNCHANGED: Precondition = Precondition {
    name: "host_unchanged",
    meaning: "no data path is open for another host",
    refusal: &OfAny(|row| {
        row.invalid(
            "The attachment's data path is open for another host; terminate that connection first.",
        )
    }),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "open a volume's data path for a server that is attaching or attached",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[
            Attachment(AttachmentStatus::Attaching),
            Attachment(AttachmentStatus::Attached),
        ]),
        preconditions: &[HOST_UNCHANGED],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Unchanged,
        when_failed: Ending::Unchanged,
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
    written_at_end: &["connector", "connection_info"],
    effects: &[],
};

impl Definition for InitializeConnection {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn exclusive_on(&self) -> Option<Uuid> {
        Some(self.volume_id.0)
    }
}
