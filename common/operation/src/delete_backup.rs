//! `delete_backup`: remove a backup from which no other one differs.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, QuotaRule, Resource, StartsFrom,
    Status::Backup, Touch, WhileRunning,
};
use super::precondition::shared::NOT_USED_BY_OPERATION;
use super::precondition::{OfAny, Precondition};
use model::{BackupId, BackupStatus, Error, quota};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `delete_backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeleteBackup {
    /// Which backup.
    pub backup_id: BackupId,
}

/// What every way of deleting a backup gives back to the quota.
pub(super) const RETURNED_QUOTA: &[QuotaRule] = &[
    QuotaRule::Count { resource: quota::BACKUPS, sign: -1 },
    QuotaRule::Column { resource: quota::BACKUP_GIGABYTES, column: "size_gb", sign: -1 },
];

pub(super) const NO_DEPENDENT_BACKUPS: Precondition = Precondition {
    name: "no_dependent_backups",
    meaning: "no other backup differs from it",
    refusal: &OfAny(|row| row.invalid("Incremental backups exist for this backup.")),
};

pub(super) const BACKUP_SERVICE_UP: Precondition = Precondition {
    name: "backup_service_up",
    meaning: "a backup service is up",
    refusal: &OfAny(|_| Error::unavailable("No backup service is up.")),
};

/// The preconditions of every deletion of a backup.
pub(super) const UNUSED: &[Precondition] =
    &[NO_DEPENDENT_BACKUPS, NOT_USED_BY_OPERATION, BACKUP_SERVICE_UP];

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete a backup, with its data",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Backup,
        starts_from: StartsFrom::Statuses(&[
            Backup(BackupStatus::Available),
            Backup(BackupStatus::Error),
        ]),
        preconditions: UNUSED,
        while_running: WhileRunning::Becomes(Backup(BackupStatus::Deleting)),
        when_done: Ending::Removed(Some(Backup(BackupStatus::Deleted))),
        when_failed: Ending::Becomes(Backup(BackupStatus::ErrorDeleting)),
        quota: RETURNED_QUOTA,
    },
    others: &[],
    written_on_admission: &[],
    written_at_end: &["fail_reason"],
    effects: &[],
};

impl Definition for DeleteBackup {
    fn subject(&self) -> Uuid {
        self.backup_id.0
    }
}
