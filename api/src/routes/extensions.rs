//! `/extensions`: what Cinder's old clients look for before they use it.

use crate::fault::Answer;
use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use model::Error;
use serde_json::{Value, json};

/// Alias, name and description of what is there.
const EXTENSIONS: &[(&str, &str, &str)] = &[
    ("OS-SCH-HNT", "SchedulerHints", "Pass arbitrary key/value pairs to the scheduler."),
    ("capabilities", "Capabilities", "What a backend can do."),
    ("encryption", "VolumeTypeEncryption", "Encryption support for volume types."),
    ("os-admin-actions", "AdminActions", "Enable admin actions."),
    ("os-availability-zone", "AvailabilityZones", "Describe Availability Zones."),
    ("os-extended-services", "ExtendedServices", "Extended services support."),
    (
        "os-extended-snapshot-attributes",
        "ExtendedSnapshotAttributes",
        "Extended snapshot attributes.",
    ),
    ("os-hosts", "Hosts", "Admin-only host administration."),
    ("os-quota-class-sets", "QuotaClasses", "Quota classes management support."),
    ("os-quota-sets", "Quotas", "Quota management support."),
    ("os-services", "Services", "Services support."),
    ("os-snapshot-actions", "SnapshotActions", "Enable snapshot actions."),
    ("os-snapshot-manage", "SnapshotManage", "Allows existing backend storage to be managed."),
    ("os-snapshot-unmanage", "SnapshotUnmanage", "Enable snapshot unmanage operation."),
    ("os-types-extra-specs", "TypesExtraSpecs", "Type extra specs support."),
    ("os-types-manage", "TypesManage", "Types manage support."),
    ("os-used-limits", "UsedLimits", "Provide data on limited resources that are being used."),
    ("os-vol-host-attr", "VolumeHostAttribute", "Expose host as an attribute of a volume."),
    ("os-vol-image-meta", "VolumeImageMetadata", "Show image metadata associated with the volume."),
    ("os-vol-mig-status-attr", "VolumeMigStatusAttribute", "Expose migration_status of a volume."),
    ("os-vol-tenant-attr", "VolumeTenantAttribute", "Expose the internal project_id of a volume."),
    ("os-volume-actions", "VolumeActions", "Enable volume actions."),
    ("os-volume-encryption-metadata", "VolumeEncryptionMetadata", "Volume encryption metadata."),
    ("os-volume-manage", "VolumeManage", "Allows existing backend storage to be managed."),
    ("os-volume-type-access", "VolumeTypeAccess", "Volume type access support."),
    ("os-volume-unmanage", "VolumeUnmanage", "Enable volume unmanage operation."),
    ("qos-specs", "Qos_specs_manage", "QoS specs support."),
    ("scheduler-stats", "Scheduler_stats", "Scheduler stats support."),
];

pub(crate) async fn list() -> Answer {
    let views: Vec<Value> = EXTENSIONS.iter().map(view).collect();
    Ok(Json(json!({ "extensions": views })).into_response())
}

pub(crate) async fn show(Path(alias): Path<String>) -> Answer {
    let found = EXTENSIONS.iter().find(|(known, ..)| *known == alias);
    let found = found.ok_or_else(|| Error::not_found("The resource could not be found."))?;
    Ok(Json(json!({ "extension": view(found) })).into_response())
}

fn view((alias, name, description): &(&str, &str, &str)) -> Value {
    json!({
        "alias": alias,
        "name": name,
        "description": description,
        "updated": "2026-01-01T00:00:00+00:00",
        "links": [],
    })
}
