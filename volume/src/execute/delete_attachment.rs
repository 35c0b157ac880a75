//! Executes `delete_attachment`: the data path is closed, or, where another server needs it, closed for this one.

use crate::execute::connection;
use crate::execution::{Done, Execution};
use operation::DeleteAttachment;
use steps::step::StepError;

pub(crate) async fn execute(
    execution: &Execution<'_>,
    arguments: &DeleteAttachment,
) -> Result<Done, StepError> {
    let DeleteAttachment { attachment_id, mode, .. } = *arguments;
    connection::close(execution, attachment_id, mode).await
}
