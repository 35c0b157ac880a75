//! `accept_transfer`: take over a volume that was offered.

use super::contract::{
    Class, Columns, Contract, Definition, Effect, Ending, QuotaRule, Resource, Role, StartsFrom,
    Status::Volume, Touch, WhileRunning,
};
use super::precondition::shared::NO_OPERATION_IN_PROGRESS;
use super::precondition::{Of, OfAny, Precondition};
use model::{Caller, Error, SnapshotId, TransferId, VolumeId, VolumeStatus, quota};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `accept_transfer`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptTransfer {
    /// Which transfer.
    pub transfer_id: TransferId,
    /// The volume that it offers.
    pub volume_id: VolumeId,
    /// All snapshots of the volume, when they go with it.
    pub snapshots: Vec<SnapshotId>,
    /// The hash of the key that the caller has, of which a hash was kept.
    pub key_hash: String,
}

const KEY_FITS: Precondition = Precondition {
    name: "key_fits",
    meaning: "the caller has the key, and it offers this volume",
    refusal: &Of::<AcceptTransfer>(|accept, _| {
        Error::bad_request(format!(
            "Invalid auth key: Attempt to transfer {} with invalid auth key.",
            accept.transfer_id
        ))
    }),
};

const SNAPSHOTS_GO_WITH_IT: Precondition = Precondition {
    name: "snapshots_go_with_it",
    meaning: "all snapshots of the volume go with it, and are of the project that offers it, or none does, as it says",
    refusal: &OfAny(|row| {
        row.invalid("The snapshots of the volume have changed, or belong to another project.")
    }),
};

/// Whoever takes the volume over has it in the quota, and whoever had it has it no more. It is found whichever project asks: the key
/// decides.
pub(crate) const CONTRACT: Contract = Contract {
    summary: "take over a volume that was offered, and its snapshots",
    class: Class::Modify,
    subject: Touch {
        preconditions: &[KEY_FITS, SNAPSHOTS_GO_WITH_IT],
        when_done: Ending::Removed(None),
        ..Touch::keeping_status(Resource::Transfer)
    },
    others: &[
        (
            Role::Volume,
            Touch {
                resource: Resource::Volume,
                starts_from: StartsFrom::Statuses(&[Volume(VolumeStatus::AwaitingTransfer)]),
                preconditions: &[],
                while_running: WhileRunning::Unchanged,
                when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
                when_failed: Ending::Unchanged,
                quota: &[
                    QuotaRule::Each { resource: quota::PER_VOLUME_GIGABYTES, column: "size_gb" },
                    QuotaRule::Count { resource: quota::VOLUMES, sign: 1 },
                    QuotaRule::Column { resource: quota::GIGABYTES, column: "size_gb", sign: 1 },
                ],
            },
        ),
        (
            Role::Snapshot,
            Touch {
                preconditions: &[NO_OPERATION_IN_PROGRESS],
                quota: &[
                    QuotaRule::Count { resource: quota::SNAPSHOTS, sign: 1 },
                    QuotaRule::Column { resource: quota::GIGABYTES, column: "size_gb", sign: 1 },
                ],
                ..Touch::keeping_status(Resource::Snapshot)
            },
        ),
    ],
    written_on_admission: &["accepted", "destination_project_id"],
    written_at_end: &[],
    effects: &[Effect::ChangesOwner],
};

impl Definition for AcceptTransfer {
    fn subject(&self) -> Uuid {
        self.transfer_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        let snapshots = self.snapshots.iter().map(|snapshot| (Role::Snapshot, snapshot.0));
        std::iter::once((Role::Volume, self.volume_id.0)).chain(snapshots).collect()
    }

    fn columns_on_admission(&self, caller: &Caller) -> Columns {
        Columns::set(json!({ "accepted": true, "destination_project_id": caller.project_id }))
    }
}
