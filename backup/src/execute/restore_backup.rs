//! Executes `restore_backup`: a volume gets the content of a backup.

use crate::execution::{Done, Execution};
use crate::store::Watched;
use crate::store::{fault, place_of};
use crate::volume_meta;
use backup_store::Stored;
use database::backups;
use driver::Driver;
use driver::sizes::bytes;
use model::{Backup, BackupId, Capability, Volume};
use operation::contract::Role;
use steps::step::StepError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    let driver = execution.driver().await?;
    fill(execution, &*driver, &volume).await
}

/// Gives a volume that is there the content of the backup, and what was known of the volume that it is of.
pub(super) async fn fill(
    execution: &Execution<'_>,
    driver: &dyn Driver,
    volume: &Volume,
) -> Result<Done, StepError> {
    let backup: Option<Backup> = execution.other(Role::Backup)?;
    let backup = backup.ok_or_else(|| StepError::failed("there is no backup"))?;
    let chain = chain(execution, backup.id).await?;
    let described = execution.store.describe(&place_of(&backup)?).await.map_err(fault)?;
    let content = execution.store.open(&chain, bytes(backup.size_gb)).await.map_err(fault)?;
    let writes = driver.backup().ok_or_else(|| StepError::without(Capability::Backup))?;
    let (content, store) = Watched::new(content);
    let written = writes.write_content(volume, Box::new(content), execution.fence).await;
    written.map_err(|error| store.explain(error.into()))?;
    Ok(Done { model_update: volume_meta::restored(&described.volume_meta, volume, &backup) })
}

/// Where the backup is, and those from which it differs.
pub(super) async fn chain(
    execution: &Execution<'_>,
    id: BackupId,
) -> Result<Vec<Stored>, StepError> {
    let chain = backups::chain(execution.database, id).await?;
    match chain.last().map(|oldest| oldest.parent_id) {
        Some(None) => chain.iter().map(place_of).collect(),
        Some(Some(missing)) => {
            Err(StepError::failed(format!("backup {missing}, from which it differs, is not there")))
        }
        None => Err(StepError::failed("the backup is gone")),
    }
}
