//! `delete_volume`, done.

use super::Execution;
use crate::driver::DriverError;
use common::operation::contract::Columns;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Columns, DriverError> {
    execution.driver.delete_volume(&execution.volume()?, execution.fence).await?;
    Ok(Columns::none())
}
