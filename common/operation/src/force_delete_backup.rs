//! `force_delete_backup`: an admin removes a backup whatever its status says.

use super::contract::{
    AfterCrash, Class, Contract, Definition, Ending, Resource, StartsFrom, Status::Backup, Touch,
    WhileRunning,
};
use super::delete_backup::{BACKUP_SERVICE_UP, NO_DEPENDENT_BACKUPS, RETURNED_QUOTA};
use super::precondition::shared::{NO_OPERATION_IN_PROGRESS, NOT_USED_BY_OPERATION};
use model::{BackupId, BackupStatus};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The arguments of `force_delete_backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForceDeleteBackup {
    /// Which backup.
    pub backup_id: BackupId,
}

pub(crate) const AFTER_CRASH: AfterCrash = AfterCrash::Rerun;

pub(crate) const CONTRACT: Contract = Contract {
    summary: "delete a backup in any status, unless an operation on it is in progress",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Backup,
        starts_from: StartsFrom::Anything,
        preconditions: &[
            NO_OPERATION_IN_PROGRESS,
            NO_DEPENDENT_BACKUPS,
            NOT_USED_BY_OPERATION,
            BACKUP_SERVICE_UP,
        ],
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

impl Definition for ForceDeleteBackup {
    fn subject(&self) -> Uuid {
        self.backup_id.0
    }
}
