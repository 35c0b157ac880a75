//! `force_delete_volume`, done: for the driver, the same as any other deletion.

use crate::execute::delete_volume;
use crate::execution::{Done, Execution};
use crate::step::StepError;

pub(crate) async fn execute(execution: &Execution<'_>) -> Result<Done, StepError> {
    delete_volume::execute(execution).await
}
