//! QoS specs.

use crate::request::RequestContext;
use model::QosSpecs;
use serde_json::{Value, json};

/// What lists show.
pub(crate) fn summary(qos: &QosSpecs) -> Value {
    json!({ "id": qos.id, "name": qos.name, "consumer": qos.consumer, "specs": qos.specs })
}

/// What show and create answer; the links are beside it.
pub(crate) fn detail(qos: &QosSpecs, context: &RequestContext) -> Value {
    json!({ "qos_specs": summary(qos), "links": context.links.of_item("qos-specs", qos.id) })
}
