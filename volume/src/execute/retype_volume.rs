//! Executes `retype_volume` on the same backend: it offers everything that the new type asks for.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use model::Volume;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    execution.volumes().retype_volume(&volume, execution.fence).await?;
    Ok(Done::default())
}
