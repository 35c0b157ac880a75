//! Executes `reimage_volume`: the volume gets the content of an image in place of its own.

use crate::execution::{Done, Execution};
use model::Volume;
use operation::ReimageVolume;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &ReimageVolume,
) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    let service = execution.image_service;
    let image = service.find(arguments.image.image_id).await?;
    let fetched = service.fetch(&image, volume.size_gb).await?;
    execution.images()?.write_image(&volume, &fetched.image, execution.fence).await?;
    Ok(Done::default())
}
