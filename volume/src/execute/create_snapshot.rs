//! Executes `create_snapshot`.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use model::Snapshot;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let snapshot: Snapshot = execution.subject()?;
    execution.volumes().create_snapshot(&snapshot, execution.fence).await?;
    Ok(Done::default())
}
