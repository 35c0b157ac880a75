//! Executes `unmanage_volume`: nothing is open of the volume any more, and its storage stays.

use crate::execution::{Done, Execution};
use model::Volume;
use steps::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    execution.manage()?.unmanage_volume(&volume, execution.fence).await?;
    Ok(Done::default())
}
