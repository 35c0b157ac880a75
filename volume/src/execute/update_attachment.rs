//! Executes `update_attachment`: the data path is open, and the server's host is told how to reach it.

use crate::execute::connection;
use crate::execution::{Done, Execution};
use operation::UpdateAttachment;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &UpdateAttachment,
) -> Result<Done, StepError> {
    let UpdateAttachment { attachment_id, connector, mode, .. } = arguments;
    connection::open(execution, *attachment_id, connector, *mode).await
}
