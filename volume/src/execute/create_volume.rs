//! Executes `create_volume`.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use driver::CloneSource;
use model::{Snapshot, Volume};
use operation::CreateVolume;
use operation::contract::Role;
use operation::create_volume::Content;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &CreateVolume,
) -> Result<Done, StepError> {
    let (driver, fence) = (execution.volumes(), execution.fence);
    let volume: Volume = execution.subject()?;
    match arguments.source.as_ref().map(|source| source.content) {
        None => driver.create_volume(&volume, fence).await?,
        Some(Content::Snapshot(_)) => {
            let snapshot: Snapshot = execution.other(Role::Snapshot)?;
            driver.create_volume_like(&volume, CloneSource::Snapshot(&snapshot), fence).await?;
        }
        Some(Content::Volume(_)) => {
            let source: Volume = execution.other(Role::Volume)?;
            driver.create_volume_like(&volume, CloneSource::Volume(&source), fence).await?;
        }
    }
    Ok(Done::default())
}
