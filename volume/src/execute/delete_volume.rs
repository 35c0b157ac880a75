//! `delete_volume`, done.

use super::{Done, Execution};
use crate::driver::DriverError;
use model::{Snapshot, Volume};
use operation::contract::Role;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    let (driver, fence) = (execution.driver, execution.fence);
    for snapshot in execution.others::<Snapshot>(Role::Snapshot)? {
        driver.delete_snapshot(&snapshot, fence).await?;
    }
    let volume: Volume = execution.subject()?;
    driver.delete_volume(&volume, fence).await?;
    Ok(Done::default())
}
