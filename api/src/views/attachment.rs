//! Attachments.

use super::timestamp;
use model::Attachment;
use serde_json::{Map, Value, json};

/// What the short list shows.
pub(crate) fn summary(attachment: &Attachment) -> Value {
    json!({
        "id": attachment.id,
        "status": attachment.status,
        "instance": attachment.instance_id,
        "volume_id": attachment.volume_id,
    })
}

/// What everything else shows. Times that are not yet are empty texts here.
pub(crate) fn detail(attachment: &Attachment) -> Value {
    let mut view = summary(attachment);
    view["attached_at"] = json!(timestamp(attachment.attached_at).unwrap_or_default());
    view["detached_at"] = json!(timestamp(attachment.detached_at).unwrap_or_default());
    view["attach_mode"] = json!(attachment.attach_mode);
    view["connection_info"] = json!(attachment.connection_info.clone().unwrap_or_default());
    view
}

/// What a server needs to reach a volume, as `os-initialize_connection` gives it: the protocol's part on a level of its own.
pub(crate) fn nested_connection_info(mut info: Map<String, Value>) -> Value {
    let mut outside = |key: &str| info.remove(key).unwrap_or_default();
    let (protocol, multipath) = (outside("driver_volume_type"), outside("enforce_multipath"));
    outside("attachment_id");
    json!({ "driver_volume_type": protocol, "enforce_multipath": multipath, "data": info })
}
