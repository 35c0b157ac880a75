//! `reset_backup_status`: an admin says where a backup stands, after something went wrong.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Resource, StartsFrom, Touch, WhileRunning,
};
use super::precondition::shared::NO_OPERATION_IN_PROGRESS;
use model::{BackupId, BackupStatus, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `reset_backup_status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResetBackupStatus {
    /// Which backup.
    pub backup_id: BackupId,
    /// Where it stands.
    pub status: BackupStatus,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the status of a backup, unless an operation on it is in progress",
    class: Class::Record,
    subject: Touch {
        resource: Resource::Backup,
        starts_from: StartsFrom::Anything,
        preconditions: &[NO_OPERATION_IN_PROGRESS],
        while_running: WhileRunning::Unchanged,
        when_done: Ending::AsAsked,
        when_failed: Ending::Unchanged,
        quota: &[],
    },
    others: &[],
    written_on_admission: &["status", "previous_status"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ResetBackupStatus {
    fn subject(&self) -> Uuid {
        self.backup_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "status": self.status, "previous_status": null }))
    }
}
