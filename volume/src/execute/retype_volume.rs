//! `retype_volume`, done where the volume is: what the type asks for is there already.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use model::Volume;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    execution.volumes().retype_volume(&volume, execution.fence).await?;
    Ok(Done::default())
}
