//! Executes `upload_volume`: the driver makes an image, and the image service gets it.

use crate::execution::{Done, Execution};
use model::Volume;
use operation::UploadVolume;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &UploadVolume,
) -> Result<Done, StepError> {
    match upload(execution, arguments).await {
        Ok(()) => Ok(Done::default()),
        Err(StepError::Failed(reason)) => give_up(execution, arguments, reason).await,
        Err(other) => Err(other),
    }
}

/// Ends an upload that cannot go on: its image is removed, unless it has its data.
pub(crate) async fn give_up(
    execution: &Execution<'_>,
    arguments: &UploadVolume,
    reason: String,
) -> Result<Done, StepError> {
    let image_id = arguments.image_id;
    match execution.image_service.remove_without_data(image_id).await {
        Ok(true) => Err(StepError::Failed(reason)),
        Ok(false) => Ok(Done::default()),
        Err(error) => {
            tracing::warn!(image.id = %image_id, %error, "an image without data is left");
            Err(StepError::Failed(reason))
        }
    }
}

async fn upload(execution: &Execution<'_>, arguments: &UploadVolume) -> Result<(), StepError> {
    let volume: Volume = execution.subject()?;
    let service = execution.image_service;
    let upload = service.begin_upload(arguments.image_id, &arguments.disk_format).await?;
    let Some(upload) = upload else { return Ok(()) };
    execution.images()?.read_image(&volume, &upload.image, execution.fence).await?;
    service.upload(&upload).await
}
