//! `extend_volume`, done.

use super::Execution;
use crate::driver::DriverError;
use common::operation::ExtendVolume;
use common::operation::contract::Columns;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &ExtendVolume,
) -> Result<Columns, DriverError> {
    let volume = execution.volume()?;
    execution.driver.extend_volume(&volume, arguments.new_size_gb, execution.fence).await?;
    Ok(Columns::none())
}
