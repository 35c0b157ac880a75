//! `delete_transfer`: a volume is offered no more.

use super::contract::{
    Class, Contract, Definition, Ending, Resource, Role, StartsFrom, Status::Volume, Touch,
    WhileRunning,
};
use model::{TransferId, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_transfer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteTransfer {
    /// Which transfer.
    pub transfer_id: TransferId,
    /// Its volume, where that awaits the transfer; an admin may have said something else of it meanwhile, or removed it.
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
        Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::AwaitingTransfer)]),
            preconditions: &[],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
            when_failed: Ending::Unchanged,
            quota: &[],
        },
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
