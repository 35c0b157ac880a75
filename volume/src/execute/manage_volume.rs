//! Executes `manage_volume`: what was stored under another name is the volume's storage.

use crate::execution::{Done, Execution};
use database::{snapshots, volumes};
use model::{Manageable, SnapshotId, Volume, VolumeId};
use operation::ManageVolume;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &ManageVolume,
) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    refuse_managed(execution, Manageable::Volumes, &arguments.source_name).await?;
    let (manage, fence) = (execution.manage()?, execution.fence);
    manage.manage_volume(&volume, &arguments.source_name, fence).await?;
    Ok(Done::default())
}

/// Refuses a name under which a volume or snapshot keeps its data: that would be taken from it.
pub(crate) async fn refuse_managed(
    execution: &Execution<'_>,
    what: Manageable,
    source_name: &str,
) -> Result<(), StepError> {
    let stored = execution.manage()?.list_stored(what).await?;
    let named = stored.into_iter().find(|object| object.name == source_name);
    let Some(id) = named.and_then(|object| object.id) else { return Ok(()) };
    let database = execution.database;
    let is_managed = match what {
        Manageable::Volumes => volumes::find(database, VolumeId(id), None).await?.is_some(),
        Manageable::Snapshots => snapshots::find(database, SnapshotId(id), None).await?.is_some(),
    };
    if is_managed {
        return Err(StepError::failed(format!("{source_name} is managed already")));
    }
    Ok(())
}
