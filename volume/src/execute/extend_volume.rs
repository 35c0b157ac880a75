//! `extend_volume`, done.

use super::{Done, Execution};
use crate::driver::DriverError;
use model::Volume;
use operation::ExtendVolume;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &ExtendVolume,
) -> Result<Done, DriverError> {
    let volume: Volume = execution.subject()?;
    execution.driver.extend_volume(&volume, arguments.new_size_gb, execution.fence).await?;
    Ok(Done::default())
}
