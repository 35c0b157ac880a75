//! Volume types.

use crate::policy::Rule;
use crate::request::RequestContext;
use model::{Metadata, VolumeType};
use serde_json::{Value, json};

/// The extra specs that matter to users: they say nothing of how a backend works.
const OPEN_SPECS: &[&str] = &["RESKEY:availability_zones", "multiattach", "replication_enabled"];

/// What the answer to an update shows.
pub(crate) fn updated(volume_type: &VolumeType, context: &RequestContext) -> Value {
    let mut view = json!({
        "id": volume_type.id,
        "name": volume_type.name,
        "description": volume_type.description,
        "is_public": volume_type.is_public,
    });
    if context.allows(Rule::TypeExtraSpecsAttribute) {
        view["extra_specs"] = json!(visible_specs(volume_type, context));
    }
    view
}

/// What the answer to a create shows.
pub(crate) fn created(volume_type: &VolumeType, context: &RequestContext) -> Value {
    let mut view = updated(volume_type, context);
    if context.allows(Rule::TypeAccessAttribute) {
        view["os-volume-type-access:is_public"] = json!(volume_type.is_public);
    }
    view
}

/// What show and list show.
pub(crate) fn detail(volume_type: &VolumeType, context: &RequestContext) -> Value {
    let mut view = created(volume_type, context);
    if context.allows(Rule::TypeQosSpecsAttribute) {
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

/// Whether the caller may see an extra spec.
pub(crate) fn shows_spec(key: &str, context: &RequestContext) -> bool {
    OPEN_SPECS.contains(&key) || context.allows(Rule::ExtraSpecsReadSensitive)
}

/// The extra specs that the caller may see.
pub(crate) fn visible_specs(volume_type: &VolumeType, context: &RequestContext) -> Metadata {
    let specs = volume_type.extra_specs.iter();
    specs
        .filter(|(key, _)| shows_spec(key, context))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
