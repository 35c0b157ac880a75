//! `delete_snapshot`, done.

use super::{Done, Execution};
use crate::driver::DriverError;
use model::Snapshot;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    let snapshot: Snapshot = execution.subject()?;
    execution.driver.delete_snapshot(&snapshot, execution.fence).await?;
    Ok(Done::default())
}
