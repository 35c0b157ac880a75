//! `delete_transfer`: a volume is offered no more.

use super::contract::{Class, Contract, Definition, Ending, Resource, Role, Touch};
use model::{TransferId, VolumeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_transfer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteTransfer {
    /// Which transfer.
    pub transfer_id: TransferId,
    /// Its volume, unless that was removed; an admin may have said something else of it meanwhile.
    pub volume_id: Option<VolumeId>,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "withdraw the offer of a volume",
    class: Class::Record,
    subject: Touch {
        when_done: Ending::Removed(None),
        ..Touch::keeping_status(Resource::Transfer)
    },
    others: &[(
        Role::Volume,
        Touch { when_done: Ending::AwaitsNoTransfer, ..Touch::keeping_status(Resource::Volume) },
    )],
    written_on_admission: &[],
    written_at_end: &[],
    effects: &[],
};

impl Definition for DeleteTransfer {
    fn subject(&self) -> Uuid {
        self.transfer_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        self.volume_id.iter().map(|volume| (Role::Volume, volume.0)).collect()
    }
}
