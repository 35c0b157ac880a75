//! Volumes and snapshots as the database has them.

use model::{Connector, ReplicationStatus, Snapshot, Volume};
use serde_json::json;
use uuid::Uuid;

/// A volume of so many GiB.
#[must_use]
pub fn volume(size_gb: i32) -> Volume {
    let volume = json!({
        "id": Uuid::new_v4(), "project_id": "p", "user_id": "u",
        "backend_id": Uuid::new_v4(), "backend_name": "host@b", "pool": "b",
        "availability_zone": "nova", "volume_type_id": Uuid::new_v4(),
        "volume_type_name": "t", "size_gb": size_gb, "status": "creating", "bootable": false,
        "multiattach": false, "metadata": {}, "image_metadata": {}, "attachments": [],
        "replication_status": "disabled",
        "consumes_quota": true, "created_at": "2026-01-01T00:00:00+00:00", "updated_at": null,
    });
    serde_json::from_value(volume).unwrap()
}

/// A volume of so many GiB whose type asks for replication.
#[must_use]
pub fn replicated_volume(size_gb: i32) -> Volume {
    let replication_status = ReplicationStatus::Enabled;
    Volume { replicated: true, replication_status, ..volume(size_gb) }
}

/// What a host of this name says of itself.
#[must_use]
pub fn connector(host: &str) -> Connector {
    let connector = json!({ "host": host, "initiator": format!("iqn.2026-11.example:{host}") });
    connector.as_object().cloned().unwrap_or_default()
}

/// A snapshot of a volume.
#[must_use]
pub fn snapshot(volume: &Volume) -> Snapshot {
    let snapshot = json!({
        "id": Uuid::new_v4(), "project_id": "p", "user_id": "u", "volume_id": volume.id,
        "volume_type_id": Uuid::new_v4(), "backend_id": volume.backend_id,
        "availability_zone": "nova", "size_gb": volume.size_gb, "status": "creating",
        "progress": "0%", "metadata": {}, "consumes_quota": true,
        "created_at": "2026-01-01T00:00:00+00:00", "updated_at": null,
    });
    serde_json::from_value(snapshot).unwrap()
}
