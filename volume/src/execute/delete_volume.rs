//! Executes `delete_volume`.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use model::{Snapshot, Volume};
use operation::contract::Role;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let (driver, fence) = (execution.volumes(), execution.fence);
    for snapshot in execution.others::<Snapshot>(Role::Snapshot)? {
        driver.delete_snapshot(&snapshot, fence).await?;
    }
    let volume: Volume = execution.subject()?;
    driver.delete_volume(&volume, fence).await?;
    Ok(Done::default())
}
