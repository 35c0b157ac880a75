//! `update_attachment`, done: the data path is open, and the server's host is told how to reach it.

use super::{Done, Execution};
use crate::driver::DriverError;
use common::model::{ConnectionInfo, Volume};
use common::operation::UpdateAttachment;
use common::operation::contract::{Columns, Role};
use serde_json::{Map, Value, json};

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &UpdateAttachment,
) -> Result<Done, DriverError> {
    let volume: Volume = execution.other(Role::Volume)?;
    let info = execution.driver.export(&volume, arguments.mode, execution.fence).await?;
    let found = Columns::set(json!({ "connection_info": flattened(info, arguments) }));
    Ok(Done { found, result: None })
}

/// The form in which attachments show connection information: everything on one level.
fn flattened(info: ConnectionInfo, arguments: &UpdateAttachment) -> Map<String, Value> {
    let multipath = arguments.connector.get("enforce_multipath").cloned().unwrap_or(json!(false));
    let mut flat = info.data;
    flat.extend([
        ("driver_volume_type".to_owned(), json!(info.driver_volume_type)),
        ("attachment_id".to_owned(), json!(arguments.attachment_id)),
        ("access_mode".to_owned(), json!(arguments.mode)),
        ("encrypted".to_owned(), json!(false)),
        ("enforce_multipath".to_owned(), multipath),
    ]);
    flat
}
