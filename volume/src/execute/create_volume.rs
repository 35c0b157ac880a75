//! Executes `create_volume`.

use crate::execution::{Done, Execution};
use crate::image_service;
use driver::CloneSource;
use model::{Snapshot, Volume};
use operation::CreateVolume;
use operation::contract::Role;
use operation::create_volume::{Content, VolumeImage};
use steps::step::StepError;
use uuid::Uuid;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &CreateVolume,
) -> Result<Done, StepError> {
    let (driver, fence) = (execution.volumes(), execution.fence);
    let volume: Volume = execution.subject()?;
    if let Some(VolumeImage { image_id, .. }) = &arguments.image {
        fill(execution, &volume, *image_id).await?;
        return Ok(Done::default());
    }
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

/// The volume is a clone of the image, where the storage has that already, or else a copy.
async fn fill(execution: &Execution<'_>, volume: &Volume, id: Uuid) -> Result<(), StepError> {
    let (driver, service) = (execution.images()?, execution.image_service);
    let image = service.find(id).await?;
    let addresses = image_service::addresses(&image);
    if driver.clone_image(volume, id, &addresses, execution.fence).await? {
        return Ok(());
    }
    let fetched = service.fetch(&image, volume.size_gb).await?;
    Ok(driver.write_image(volume, &fetched.image, execution.fence).await?)
}
