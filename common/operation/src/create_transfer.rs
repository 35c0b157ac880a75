//! `create_transfer`: offer a volume to whoever has the key.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Volume,
    Touch, WhileRunning,
};
use super::precondition::shared::NOT_USED_BY_OPERATION;
use super::precondition::{OfAny, Precondition};
use model::{Caller, TransferId, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `create_transfer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CreateTransfer {
    /// The id that the API made up for it.
    pub transfer_id: TransferId,
    /// Which volume.
    pub volume_id: VolumeId,
    /// Whose that is, and so the transfer, whoever asks for it.
    pub project_id: String,
    /// What people call it.
    pub name: Option<String>,
    /// Whether the snapshots stay where they are; otherwise they go with the volume.
    pub no_snapshots: bool,
    /// With what the key was hashed.
    pub salt: String,
    /// What is kept of the key. Nobody but the caller has the key itself.
    pub crypt_hash: String,
}

const SNAPSHOTS_AVAILABLE: Precondition = Precondition {
    name: "snapshots_available",
    meaning: "its snapshots are available, and of the same project, unless they stay",
    refusal: &OfAny(|row| {
        row.invalid("The snapshots of the volume must be available, and belong to the same project; without snapshots it can be offered.")
    }),
};

const NOT_OFFERED: Precondition = Precondition {
    name: "not_offered",
    meaning: "no transfer offers it already",
    refusal: &OfAny(|row| {
        row.invalid("There is a transfer of the volume already; delete that first.")
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "offer a volume, and its snapshots, to whoever has the key",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Transfer,
        starts_from: StartsFrom::New,
        preconditions: &[],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::Unchanged,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[(
        Role::Volume,
        Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::Available)]),
            preconditions: &[NOT_OFFERED, SNAPSHOTS_AVAILABLE, NOT_USED_BY_OPERATION],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Becomes(Volume(VolumeStatus::AwaitingTransfer)),
            when_failed: Ending::Unchanged,
            quota: &[],
        },
    )],
    written_on_admission: &[
        "id",
        "project_id",
        "volume_id",
        "name",
        "no_snapshots",
        "salt",
        "crypt_hash",
    ],
    written_at_end: &[],
    effects: &[],
};

impl Definition for CreateTransfer {
    fn subject(&self) -> Uuid {
        self.transfer_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Volume, self.volume_id.0)]
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({
            "id": self.transfer_id,
            "project_id": self.project_id,
            "volume_id": self.volume_id,
            "name": self.name,
            "no_snapshots": self.no_snapshots,
            "salt": self.salt,
            "crypt_hash": self.crypt_hash,
        }))
    }
}
