//! What a server is told of a data path.

use crate::execution::Execution;
use crate::step::StepError;
use model::{AttachMode, AttachmentId, ConnectionInfo, Volume, qos};
use serde_json::{Map, Value, json};

/// Opens a data path and completes what the driver says of it.
pub(crate) async fn open(
    execution: &Execution<'_>,
    volume: &Volume,
    mode: AttachMode,
) -> Result<ConnectionInfo, StepError> {
    let mut info = execution.exports()?.export(volume, mode, execution.fence).await?;
    let limits = volume.front_end_qos.as_ref();
    info.data.extend([
        ("access_mode".to_owned(), json!(mode)),
        ("encrypted".to_owned(), json!(false)),
        ("cacheable".to_owned(), json!(false)),
        ("qos_specs".to_owned(), json!(limits.map(|specs| qos::for_size(specs, volume.size_gb)))),
    ]);
    Ok(info)
}

/// Everything on one level, as attachments show it.
pub(crate) fn flat(
    info: ConnectionInfo,
    attachment_id: AttachmentId,
    connector: &Map<String, Value>,
) -> Map<String, Value> {
    let mut flat = info.data;
    flat.extend([
        ("driver_volume_type".to_owned(), json!(info.driver_volume_type)),
        ("attachment_id".to_owned(), json!(attachment_id)),
        (
            "enforce_multipath".to_owned(),
            connector.get("enforce_multipath").cloned().unwrap_or(json!(false)),
        ),
    ]);
    flat
}
