//! Executes `initialize_connection`: the data path is open, and whoever asked is told how to reach it.

use crate::execute::connection;
use crate::execution::{Done, Execution};
use operation::InitializeConnection;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &InitializeConnection,
) -> Result<Done, StepError> {
    let InitializeConnection { attachment_id, connector, mode, .. } = arguments;
    connection::open(execution, *attachment_id, connector, *mode).await
}
