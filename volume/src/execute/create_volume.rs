//! `create_volume`, done.

use super::{Done, Execution};
use crate::driver::DriverError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    execution.driver.create_volume(&execution.volume()?, execution.fence).await?;
    Ok(Done::default())
}
