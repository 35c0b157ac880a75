//! Executes `create_volume_from_backup`: a new volume gets the content of a backup.

use super::restore_backup::fill;
use crate::execution::{Done, Execution};
use model::Volume;
use steps::step::StepError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    let driver = execution.driver().await?;
    driver.create_volume(&volume, execution.fence).await?;
    fill(execution, &*driver, &volume).await
}
