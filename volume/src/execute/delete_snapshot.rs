//! Executes `delete_snapshot`.

use crate::execution::{Done, Execution};
use model::Snapshot;
use steps::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let snapshot: Snapshot = execution.subject()?;
    execution.volumes().delete_snapshot(&snapshot, execution.fence).await?;
    Ok(Done::default())
}
