//! `force_delete_snapshot`, done: for the driver, the same as any other deletion.

use super::{Done, Execution, delete_snapshot};
use crate::driver::DriverError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    delete_snapshot::execute(execution).await
}
