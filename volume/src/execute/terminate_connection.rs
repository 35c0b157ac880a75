//! Executes `terminate_connection`: the data path is closed, or, where another server needs it, closed for this one.

use crate::execute::connection;
use crate::execution::{Done, Execution};
use operation::TerminateConnection;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &TerminateConnection,
) -> Result<Done, StepError> {
    let TerminateConnection { attachment_id, mode, .. } = *arguments;
    connection::close(execution, attachment_id, mode).await
}
