//! `force_delete_volume`, done: for the driver, the same as any other deletion.

use super::{Done, Execution, delete_volume};
use crate::driver::DriverError;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Done, DriverError> {
    delete_volume::execute(execution).await
}
