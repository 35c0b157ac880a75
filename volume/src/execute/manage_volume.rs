//! `manage_volume`, done: what was stored under another name is the volume's storage.

use super::{Done, Execution};
use crate::driver::DriverError;
use database::{snapshots, volumes};
use model::{Manageable, SnapshotId, Volume, VolumeId};
use operation::ManageVolume;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &ManageVolume,
) -> Result<Done, DriverError> {
    let volume: Volume = execution.subject()?;
    refuse_managed(execution, Manageable::Volumes, &arguments.source_name).await?;
    let (driver, fence) = (execution.driver, execution.fence);
    driver.manage_volume(&volume, &arguments.source_name, fence).await?;
    Ok(Done::default())
}

/// Refuses a name under which a volume or snapshot keeps its data: that would be taken from it.
pub(super) async fn refuse_managed(
    execution: &Execution<'_>,
    what: Manageable,
    source_name: &str,
) -> Result<(), DriverError> {
    let stored = execution.driver.list_stored(what).await?;
    let named = stored.into_iter().find(|object| object.name == source_name);
    let Some(id) = named.and_then(|object| object.id) else { return Ok(()) };
    let database = execution.database;
    let is_managed = match what {
        Manageable::Volumes => volumes::find(database, VolumeId(id), None).await?.is_some(),
        Manageable::Snapshots => snapshots::find(database, SnapshotId(id), None).await?.is_some(),
    };
    if is_managed {
        return Err(DriverError::failed(format!("{source_name} is managed already")));
    }
    Ok(())
}
