//! Executes `revert_volume`.

use crate::execution::{Done, Execution};
use model::{Snapshot, Volume};
use operation::contract::Role;
use steps::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    let volume: Volume = execution.subject()?;
    let snapshot: Snapshot = execution.other(Role::Snapshot)?;
    execution.volumes().revert_volume(&volume, &snapshot, execution.fence).await?;
    Ok(Done::default())
}
