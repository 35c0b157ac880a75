//! `retype_volume`, done where the volume is: what the type asks for is there already.

use super::{Done, Execution};
use crate::driver::DriverError;
use model::Volume;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    let volume: Volume = execution.subject()?;
    execution.driver.retype_volume(&volume, execution.fence).await?;
    Ok(Done::default())
}
