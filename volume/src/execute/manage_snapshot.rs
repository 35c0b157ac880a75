//! Executes `manage_snapshot`: what was stored under another name is the snapshot's storage.

use crate::execute::manage_volume::refuse_managed;
use crate::execution::{Done, Execution};
use model::{Manageable, Snapshot};
use operation::ManageSnapshot;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &ManageSnapshot,
) -> Result<Done, StepError> {
    let snapshot: Snapshot = execution.subject()?;
    refuse_managed(execution, Manageable::Snapshots, &arguments.source_name).await?;
    let (manage, fence) = (execution.manage()?, execution.fence);
    manage.manage_snapshot(&snapshot, &arguments.source_name, fence).await?;
    Ok(Done::default())
}
