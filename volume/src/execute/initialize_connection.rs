//! `initialize_connection`, done: the data path is open, and whoever asked is told how to reach it.

use super::update_attachment::flattened;
use super::{Done, Execution};
use crate::driver::DriverError;
use common::model::Volume;
use common::operation::InitializeConnection;
use common::operation::contract::{Columns, Role};
use serde_json::json;

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &InitializeConnection,
) -> Result<Done, DriverError> {
    let InitializeConnection { attachment_id, connector, mode, .. } = arguments;
    let volume: Volume = execution.other(Role::Volume)?;
    let info = execution.driver.export(&volume, *mode, execution.fence).await?;
    let result = json!(info);
    let flat = flattened(info, *attachment_id, connector, *mode);
    let found = Columns::set(json!({ "connection_info": flat }));
    Ok(Done { found, result: Some(result) })
}
