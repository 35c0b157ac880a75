//! Executes `terminate_connection`: the data path is closed, or, where another server needs it, closed for this one.

use crate::execute::delete_attachment::close_unless_needed;
use crate::execution::{Done, Execution};
use crate::step::StepError;
use operation::TerminateConnection;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &TerminateConnection,
) -> Result<Done, StepError> {
    let TerminateConnection { attachment_id, volume_id, mode } = *arguments;
    close_unless_needed(execution, volume_id, mode, attachment_id).await
}
