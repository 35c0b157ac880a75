//! Volumes.

use super::timestamp;
use crate::request::RequestContext;
use model::{AttachedServer, Metadata, Volume, VolumeStatus};
use serde_json::{Map, Value, json};

/// What the short list shows.
pub(crate) fn summary(volume: &Volume, context: &RequestContext) -> Value {
    json!({
        "id": volume.id,
        "name": volume.name,
        "links": context.links.of_item("volumes", volume.id),
    })
}

/// What the answers to create and update show.
pub(crate) fn created(volume: &Volume, context: &RequestContext) -> Value {
    Value::Object(common(volume, context))
}

/// What show and the detailed list show: more than [`created`].
pub(crate) fn detail(volume: &Volume, context: &RequestContext) -> Value {
    let mut view = common(volume, context);
    let mut add = |key: &str, value: Value| drop(view.insert(key.to_owned(), value));
    add("os-vol-tenant-attr:tenant_id", json!(volume.project_id));
    if context.caller.is_admin() {
        add("os-vol-host-attr:host", json!(volume.host()));
        add("os-vol-mig-status-attr:migstat", json!(volume.migration_status));
        add("os-vol-mig-status-attr:name_id", Value::Null);
    }
    if !volume.image_metadata.is_empty() {
        add("volume_image_metadata", json!(volume.image_metadata));
    }
    Value::Object(view)
}

fn common(volume: &Volume, context: &RequestContext) -> Map<String, Value> {
    let (version, is_admin) = (context.version.0, context.caller.is_admin());
    let view = json!({
        "id": volume.id,
        "status": shown(volume.status),
        "size": volume.size_gb,
        "availability_zone": volume.availability_zone,
        "created_at": timestamp(Some(volume.created_at)),
        "updated_at": timestamp(volume.updated_at),
        "name": volume.name,
        "description": volume.description,
        "volume_type": volume.volume_type_name,
        "snapshot_id": volume.snapshot_id,
        "source_volid": volume.source_volume_id,
        "metadata": metadata(volume),
        "links": context.links.of_item("volumes", volume.id),
        "user_id": volume.user_id,
        // a text, unlike every other boolean
        "bootable": volume.bootable.to_string(),
        "encrypted": false,
        "replication_status": volume.replication_status,
        "consistencygroup_id": null,
        "multiattach": volume.multiattach,
        "attachments": attachments(volume, is_admin),
    });
    let mut view = match view {
        Value::Object(view) => view,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    let later = [
        ("migration_status", 0, is_admin, json!(volume.migration_status)),
        ("group_id", 13, true, Value::Null),
        ("provider_id", 21, is_admin, Value::Null),
        ("shared_targets", 48, true, if version >= 69 { Value::Null } else { json!(false) }),
        ("service_uuid", 48, true, json!(volume.service_id)),
        ("cluster_name", 61, is_admin, json!(volume.cluster_name)),
        ("volume_type_id", 63, true, json!(volume.volume_type_id)),
        ("consumes_quota", 65, true, json!(volume.consumes_quota)),
    ];
    for (key, since, visible, value) in later {
        if version >= since && visible {
            view.insert(key.to_owned(), value);
        }
    }
    view
}

/// Clients know fewer statuses than there are.
const fn shown(status: VolumeStatus) -> VolumeStatus {
    match status {
        VolumeStatus::Managing => VolumeStatus::Creating,
        VolumeStatus::ErrorManaging => VolumeStatus::Error,
        VolumeStatus::Creating
        | VolumeStatus::Available
        | VolumeStatus::Reserved
        | VolumeStatus::Attaching
        | VolumeStatus::InUse
        | VolumeStatus::Detaching
        | VolumeStatus::Extending
        | VolumeStatus::Reverting
        | VolumeStatus::Retyping
        | VolumeStatus::Maintenance
        | VolumeStatus::Unmanaging
        | VolumeStatus::Deleting
        | VolumeStatus::Deleted
        | VolumeStatus::Error
        | VolumeStatus::ErrorExtending
        | VolumeStatus::ErrorUnmanaging
        | VolumeStatus::ErrorDeleting => status,
    }
}

/// The user's metadata, and what Cinder shows among it of how the volume is attached.
fn metadata(volume: &Volume) -> Metadata {
    let mut metadata = volume.metadata.clone();
    if let Some(readonly) = volume.readonly {
        let text = if readonly { "True" } else { "False" };
        metadata.insert("readonly".to_owned(), text.to_owned());
    }
    if let Some(server) = volume.attachments.first() {
        metadata.insert("attached_mode".to_owned(), server.attach_mode.to_string());
    }
    metadata
}

/// The attached servers; `id` is the volume's, as ever.
fn attachments(volume: &Volume, is_admin: bool) -> Value {
    let view = |server: &AttachedServer| {
        json!({
            "id": volume.id,
            "attachment_id": server.id,
            "volume_id": volume.id,
            "server_id": server.instance_id,
            "host_name": server.host_name.as_deref().filter(|_| is_admin),
            "device": server.mountpoint,
            "attached_at": timestamp(server.attached_at),
        })
    };
    volume.attachments.iter().map(view).collect()
}
