//! `restore_backup`: a volume gets the content of a backup in place of its own.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, Role, StartsFrom,
    Status::{Backup, Volume},
    Touch, WhileRunning,
};
use super::precondition::shared::{NOT_ATTACHED, NOT_USED_BY_OPERATION};
use super::precondition::{Of, OfAny, Precondition};
use model::{BackupId, BackupStatus, Error, VolumeId, VolumeStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `restore_backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreBackup {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The backup whose content it gets.
    pub backup_id: BackupId,
    /// The size of the volume that the backup is of, in GiB.
    pub size_gb: i32,
}

const LARGE_ENOUGH: Precondition = Precondition {
    name: "large_enough",
    meaning: "it is not smaller than the volume that the backup is of",
    refusal: &Of::<RestoreBackup>(|restore, row| {
        row.invalid(format!(
            "volume size {} is too small to restore backup of size {}.",
            row.json("size_gb"),
            restore.size_gb
        ))
    }),
};

pub(super) const BACKUP_SERVICE_REACHES_IT: Precondition = Precondition {
    name: "backup_service_reaches_it",
    meaning: "a backup service is up that reaches its backend",
    refusal: &OfAny(|_| {
        Error::unavailable("No backup service is up that reaches the backend of the volume.")
    }),
};

/// A backup whose content a volume gets.
pub(super) const RESTORED: Touch = Touch {
    resource: Resource::Backup,
    starts_from: StartsFrom::Statuses(&[Backup(BackupStatus::Available)]),
    preconditions: &[],
    while_running: WhileRunning::Becomes(Backup(BackupStatus::Restoring)),
    when_done: Ending::Becomes(Backup(BackupStatus::Available)),
    when_failed: Ending::Becomes(Backup(BackupStatus::Available)),
    quota: &[],
};

/// What a volume gets with the content: what was known of the volume that the backup is of.
pub(super) const RESTORED_COLUMNS: &[&str] =
    &["name", "description", "metadata", "image_metadata", "bootable"];

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "restore a backup to a volume, in place of what that has",
    class: Class::Modify,
    subject: Touch {
        resource: Resource::Volume,
        starts_from: StartsFrom::Statuses(&[
            Volume(VolumeStatus::Available),
            Volume(VolumeStatus::ErrorRestoring),
        ]),
        preconditions: &[
            NOT_ATTACHED,
            NOT_USED_BY_OPERATION,
            LARGE_ENOUGH,
            BACKUP_SERVICE_REACHES_IT,
        ],
        while_running: WhileRunning::Becomes(Volume(VolumeStatus::RestoringBackup)),
        when_done: Ending::Becomes(Volume(VolumeStatus::Available)),
        when_failed: Ending::Becomes(Volume(VolumeStatus::ErrorRestoring)),
        quota: &[],
    },
    others: &[(Role::Backup, RESTORED)],
    written_on_admission: &[],
    written_at_end: RESTORED_COLUMNS,
    effects: &[],
};

impl Definition for RestoreBackup {
    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn others(&self) -> Vec<(Role, Uuid)> {
        vec![(Role::Backup, self.backup_id.0)]
    }
}
