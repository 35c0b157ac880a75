//! `force_delete_snapshot`, done: for the driver, the same as any other deletion.

use crate::execute::delete_snapshot;
use crate::execution::{Done, Execution};
use crate::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    delete_snapshot::execute(execution).await
}
