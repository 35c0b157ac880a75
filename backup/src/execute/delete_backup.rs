//! Executes `delete_backup` and `force_delete_backup`: what the store has of a backup goes.

use super::create_backup::without_parent;
use crate::execution::{Done, Execution};
use crate::store::{fault, place_of};
use backup_store::StoreError;
use database::backups;
use model::Backup;
use steps::step::StepError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let backup: Backup = execution.subject()?;
    if backups::shares_data(execution.database, &backup).await? {
        tracing::info!("its data are those of another backup, too, and stay");
        return Ok(Done::default());
    }
    // one that was given up has its data where they were to be
    let place = match place_of(&backup) {
        Ok(place) => Ok(place),
        Err(_) => execution.store.place(&without_parent(&backup)),
    };
    let removed = match place {
        Ok(place) => execution.store.delete(&place).await,
        Err(error) => Err(error),
    };
    match removed {
        // nothing can be in a place that the store does not have
        Err(StoreError::Invalid(why)) => tracing::info!(why, "there are no data of it"),
        removed => removed.map_err(fault)?,
    }
    Ok(Done::default())
}
