//! A data path, opened for a server's host, and what its host is told of it.

use crate::execution::{Done, Execution};
use crate::step::StepError;
use model::{AttachMode, AttachmentId, Volume, host_of, qos};
use operation::contract::{Columns, Role};
use serde_json::{Map, Value, json};

/// Opens the data path of an attachment to the host of a connector. Both are written down when it is open: what fails
/// changes nothing of a data path that was open before.
pub(crate) async fn open(
    execution: &Execution<'_>,
    attachment_id: AttachmentId,
    connector: &Map<String, Value>,
    mode: AttachMode,
) -> Result<Done, StepError> {
    let volume: Volume = execution.other(Role::Volume)?;
    let told =
        execution.exports()?.export(&volume, mode, host_of(connector), execution.fence).await?;
    let limits = volume.front_end_qos.as_ref();
    let multipath = connector.get("enforce_multipath").cloned().unwrap_or(json!(false));
    // everything on one level, as attachments show it
    let mut connection_info = told.data;
    connection_info.extend([
        ("access_mode".to_owned(), json!(mode)),
        ("encrypted".to_owned(), json!(false)),
        ("cacheable".to_owned(), json!(false)),
        ("qos_specs".to_owned(), json!(limits.map(|specs| qos::for_size(specs, volume.size_gb)))),
        ("driver_volume_type".to_owned(), json!(told.driver_volume_type)),
        ("attachment_id".to_owned(), json!(attachment_id)),
        ("enforce_multipath".to_owned(), multipath),
    ]);
    let columns = json!({ "connector": connector, "connection_info": connection_info });
    Ok(Done { model_update: Columns::set(columns), ..Done::default() })
}
