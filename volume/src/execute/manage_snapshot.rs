//! `manage_snapshot`, done: what was stored under another name is the snapshot's storage.

use super::manage_volume::refuse_managed;
use super::{Done, Execution};
use crate::driver::DriverError;
use model::{Manageable, Snapshot};
use operation::ManageSnapshot;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &ManageSnapshot,
) -> Result<Done, DriverError> {
    let snapshot: Snapshot = execution.subject()?;
    refuse_managed(execution, Manageable::Snapshots, &arguments.source_name).await?;
    let (driver, fence) = (execution.driver, execution.fence);
    driver.manage_snapshot(&snapshot, &arguments.source_name, fence).await?;
    Ok(Done::default())
}
