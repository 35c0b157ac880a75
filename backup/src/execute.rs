//! Execute: the work for one claimed operation, one file for each kind.

mod create_backup;
mod create_volume_from_backup;
mod delete_backup;
mod import_backup;
mod restore_backup;

use crate::execution::{Done, Execution};
use operation::InBackupService;
use steps::recover::{self, Decision};
use steps::step::StepError;

/// Ends an operation that is not executed again, and with it what it has begun.
async fn give_up(execution: &Execution<'_>, reason: &str) -> Result<Done, StepError> {
    match execution.claimed.operation.in_backup_service() {
        Some(InBackupService::CreateBackup(_)) => create_backup::give_up(execution, reason).await,
        _ => Err(StepError::failed(reason)),
    }
}

/// Executes a claimed operation; also again, after a service that died.
pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let claimed = execution.claimed;
    match recover::decide(claimed.operation.kind().runs(), claimed.attempts) {
        Decision::Execute => {}
        Decision::Fail(reason) => return give_up(execution, reason).await,
    }
    let Some(operation) = claimed.operation.in_backup_service() else {
        return Err(StepError::failed("it is no operation for a backup service"));
    };
    match operation {
        InBackupService::CreateBackup(_) => create_backup::execute(execution).await,
        InBackupService::DeleteBackup(_) | InBackupService::ForceDeleteBackup(_) => {
            delete_backup::execute(execution).await
        }
        InBackupService::ImportBackup(_) => import_backup::execute(execution).await,
        InBackupService::RestoreBackup(_) => restore_backup::execute(execution).await,
        InBackupService::CreateVolumeFromBackup(_) => {
            create_volume_from_backup::execute(execution).await
        }
    }
}
