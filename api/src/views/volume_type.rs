//! Volume types.

use crate::request::RequestContext;
use model::{Metadata, VolumeType};
use serde_json::{Value, json};

/// The extra specs that callers who are not admins may see: what matters to their own work.
const OPEN_SPECS: &[&str] = &["RESKEY:availability_zones", "multiattach", "replication_enabled"];

/// What every answer shows.
pub(crate) fn detail(volume_type: &VolumeType, context: &RequestContext) -> Value {
    let mut view = json!({
        "id": volume_type.id,
        "name": volume_type.name,
        "description": volume_type.description,
        "is_public": volume_type.is_public,
        "extra_specs": visible_specs(volume_type, context),
        "os-volume-type-access:is_public": volume_type.is_public,
    });
    if context.caller.is_admin() {
        view["qos_specs_id"] = json!(volume_type.qos_specs_id);
    }
    view
}

/// How volumes of the type are encrypted; empty when they are not.
pub(crate) fn encryption(volume_type: &VolumeType) -> Value {
    let Some(encryption) = &volume_type.encryption else { return json!({}) };
    let mut view = json!(encryption);
    view["volume_type_id"] = json!(volume_type.id);
    view
}

/// The extra specs that the caller may see.
pub(crate) fn visible_specs(volume_type: &VolumeType, context: &RequestContext) -> Metadata {
    let is_admin = context.caller.is_admin();
    let specs = volume_type.extra_specs.iter();
    specs
        .filter(|(key, _)| is_admin || OPEN_SPECS.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
