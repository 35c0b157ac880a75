//! `attach_volume`: the server for which a volume was reserved has connected (`os-attach`).

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Attachment,
    Touch, WhileRunning,
};
use super::create_attachment::FOLLOWING_VOLUME;
use super::precondition::shared::{ATTACH_MODE_ALLOWED, ATTACH_MODE_UNCHANGED};
use model::{AttachMode, AttachmentId, AttachmentStatus, Caller, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `attach_volume`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttachVolume {
    /// The attachment that was made by `reserve_volume`.
    pub attachment_id: AttachmentId,
    /// Its volume.
    pub volume_id: VolumeId,
    /// The server, if it is one of the cloud's.
    pub instance_id: Option<Uuid>,
    /// The host that the server is on, or is.
    pub host_name: Option<String>,
    /// The device that it is to the server.
    pub mountpoint: String,
    /// What the server may do.
    pub mode: AttachMode,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "record which server has connected to a volume that was reserved",
    class: Class::Connect,
    subject: Touch {
        resource: Resource::Attachment,
        starts_from: StartsFrom::Statuses(&[Attachment(AttachmentStatus::Attaching)]),
        preconditions: &[ATTACH_MODE_UNCHANGED],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Becomes(Attachment(AttachmentStatus::Attached)),
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(Role::Volume, Touch { preconditions: &[ATTACH_MODE_ALLOWED], ..FOLLOWING_VOLUME })],
    written_on_admission: &["instance_id", "host_name", "mountpoint", "attach_mode", "attached_at"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for AttachVolume {
    fn subject(&self) -> Uuid {
        self.attachment_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "instance_id": self.instance_id,
            "host_name": self.host_name,
            "mountpoint": self.mountpoint,
            "attach_mode": self.mode,
            "attached_at": "now",
        }))
    }
}
