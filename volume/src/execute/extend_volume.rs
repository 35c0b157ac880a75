//! Executes `extend_volume`.

use crate::execution::{Done, Execution};
use model::Volume;
use operation::ExtendVolume;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &ExtendVolume,
) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    execution.volumes().extend_volume(&volume, arguments.new_size_gb, execution.fence).await?;
    Ok(Done::default())
}
