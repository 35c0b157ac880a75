//! `terminate_connection`, done: the data path is closed, unless another server needs it.

use super::delete_attachment::close_unless_needed;
use super::{Done, Execution};
use crate::driver::DriverError;
use operation::TerminateConnection;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &TerminateConnection,
) -> Result<Done, DriverError> {
    let TerminateConnection { attachment_id, volume_id, mode } = *arguments;
    close_unless_needed(execution, volume_id, mode, attachment_id).await
}
