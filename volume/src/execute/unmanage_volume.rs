//! `unmanage_volume`, done: nothing is open of the volume any more, and its storage stays.

use super::{Done, Execution};
use crate::driver::DriverError;
use model::Volume;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    let volume: Volume = execution.subject()?;
    execution.driver.unmanage_volume(&volume, execution.fence).await?;
    Ok(Done::default())
}
