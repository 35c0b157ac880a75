//! `update_attachment`, done: the data path is open, and the server's host is told how to reach it.

use super::{Done, Execution};
use crate::driver::DriverError;
use common::model::{AttachMode, AttachmentId, ConnectionInfo, Volume};
use common::operation::UpdateAttachment;
use common::operation::contract::{Columns, Role};
use serde_json::{Map, Value, json};

pub(super) async fn execute(
    execution: &Execution<'_>,
    arguments: &UpdateAttachment,
) -> Result<Done, DriverError> {
    let volume: Volume = execution.other(Role::Volume)?;
    let UpdateAttachment { attachment_id, connector, mode, .. } = arguments;
    let info = execution.driver.export(&volume, *mode, execution.fence).await?;
    let flat = flattened(info, *attachment_id, connector, *mode);
    let found = Columns::set(json!({ "connection_info": flat }));
    Ok(Done { found, result: None })
}

/// The form in which attachments show connection information: everything on one level.
pub(super) fn flattened(
    info: ConnectionInfo,
    attachment_id: AttachmentId,
    connector: &Map<String, Value>,
    mode: AttachMode,
) -> Map<String, Value> {
    let multipath = connector.get("enforce_multipath").cloned().unwrap_or(json!(false));
    let mut flat = info.data;
    flat.extend([
        ("driver_volume_type".to_owned(), json!(info.driver_volume_type)),
        ("attachment_id".to_owned(), json!(attachment_id)),
        ("access_mode".to_owned(), json!(mode)),
        ("encrypted".to_owned(), json!(false)),
        ("enforce_multipath".to_owned(), multipath),
    ]);
    flat
}
