//! `force_delete_volume`, done: for the driver, the same as any other deletion.

use super::{Execution, delete_volume};
use crate::driver::DriverError;
use common::operation::contract::Columns;

pub(super) async fn execute(execution: &Execution<'_>) -> Result<Columns, DriverError> {
    delete_volume::execute(execution).await
}
