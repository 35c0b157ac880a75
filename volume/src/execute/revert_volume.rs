//! `revert_volume`, done.

use super::{Done, Execution};
use crate::driver::DriverError;
use model::{Snapshot, Volume};
use operation::contract::Role;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    let volume: Volume = execution.subject()?;
    let snapshot: Snapshot = execution.other(Role::Snapshot)?;
    execution.driver.revert_volume(&volume, &snapshot, execution.fence).await?;
    Ok(Done::default())
}
