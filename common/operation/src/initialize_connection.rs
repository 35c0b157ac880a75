//! `initialize_connection`: open a volume's data path for a server's host (`os-initialize_connection`).

use super::contract::{
    AfterCrash, Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::Attachment, Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use super::precondition::shared::{NOT_IN_ERROR, ONLY_CONNECTION, TAKES_MODE};
use super::precondition::{OfAny, Precondition};
use model::{AttachMode, AttachmentId, AttachmentStatus, Caller, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The arguments of `initialize_connection`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitializeConnection {
    /// The attachment that was made by `reserve_volume`.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// What the host says of itself; `host` means more to us.
    pub connector: Map<String, Value>,
    /// What the server may do.
    pub mode: AttachMode,
}

const KEEPS_HOST: Precondition = Precondition {
    name: "keeps_host",
    meaning: "no data path is open for another host",
    refusal: &OfAny(|row| row.invalid("Its data path is open for another host; close that first.")),
};

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "open a volume's data path for a server that is coming or has come",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[
            Attachment(AttachmentStatus::Attaching),
            Attachment(AttachmentStatus::Attached),
        ]),
        preconditions: &[KEEPS_HOST],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Unchanged,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(
        Role::Volume,
        Touch { preconditions: &[NOT_IN_ERROR, ONLY_CONNECTION, TAKES_MODE], ..FOLLOWING_VOLUME },
    )],
    effects: &[],
};

impl Definition for InitializeConnection {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn alone_on(&self) -> Option<Uuid> {
        Some(self.volume_id.0)
    }

    fn columns_on_admission(&self, role: Role, _caller: &Caller) -> Columns {
        match role {
            Role::Subject => Columns::set(json!({ "connector": self.connector })),
            Role::Volume | Role::Snapshot | Role::VolumeType => Columns::none(),
        }
    }

    fn columns_when_failed(&self, role: Role) -> Columns {
        match role {
            Role::Subject => Columns::set(json!({ "connector": null })),
            Role::Volume | Role::Snapshot | Role::VolumeType => Columns::none(),
        }
    }
}
