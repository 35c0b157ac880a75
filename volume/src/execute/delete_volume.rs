//! Executes `delete_volume`.

use crate::execution::{Done, Execution};
use database::backups;
use driver::DriverError;
use model::{Snapshot, Volume};
use operation::contract::Role;
use steps::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let (driver, fence) = (execution.volumes(), execution.fence);
    for snapshot in execution.others::<Snapshot>(Role::Snapshot)? {
        driver.delete_snapshot(&snapshot, fence).await?;
    }
    let volume: Volume = execution.subject()?;
    match driver.delete_volume(&volume, fence).await {
        // a backup that was given up may have left a snapshot on it
        Err(DriverError::Failed(_)) if remove_moments(execution, &volume).await? => {
            driver.delete_volume(&volume, fence).await?;
        }
        deleted => deleted?,
    }
    Ok(Done::default())
}

/// Removes what backups that were given up have left; `false` when there were none.
async fn remove_moments(execution: &Execution<'_>, volume: &Volume) -> Result<bool, StepError> {
    let given_up = backups::given_up(execution.database, volume.id).await?;
    for backup in &given_up {
        let moment = Snapshot::of_backup(*backup, volume);
        execution.volumes().delete_snapshot(&moment, execution.fence).await?;
    }
    Ok(!given_up.is_empty())
}
