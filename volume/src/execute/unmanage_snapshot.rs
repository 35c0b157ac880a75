//! Executes `unmanage_snapshot`: the driver keeps the snapshot's storage, and works on it no more.

use crate::execution::{Done, Execution};
use model::Snapshot;
use steps::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let snapshot: Snapshot = execution.subject()?;
    execution.manage()?.unmanage_snapshot(&snapshot, execution.fence).await?;
    Ok(Done::default())
}
