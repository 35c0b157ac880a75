//! The service list, and the answers to enable and disable.

use super::timestamp;
use crate::request::RequestContext;
use model::{Backend, Condition, Service};
use serde_json::{Value, json};

/// Since 3.7 services say which cluster they belong to.
const CLUSTER_SINCE: u16 = 7;
/// Since 3.49 volume services say what the scheduler knows of their backend.
const BACKEND_STATE_SINCE: u16 = 49;

/// A line of the service list.
pub(crate) fn line(
    service: &Service,
    backend: Option<&Backend>,
    context: &RequestContext,
) -> Value {
    let version = context.version.0;
    let disabled = backend.is_some_and(|backend| backend.is(Condition::Disabled));
    let state = if service.is_up { "up" } else { "down" };
    let mut view = json!({
        "binary": service.binary,
        "host": service.host,
        "zone": service.availability_zone,
        "status": if disabled { "disabled" } else { "enabled" },
        "state": state,
        "updated_at": timestamp(service.seen_at.max(backend.and_then(|backend| backend.updated_at))),
        "disabled_reason": backend.and_then(|backend| backend.disabled_reason.clone()),
    });
    if version >= CLUSTER_SINCE {
        view["cluster"] = json!(backend.and_then(Backend::cluster_name));
    }
    if let Some(backend) = backend {
        view["replication_status"] = json!(backend.replication_status);
        view["active_backend_id"] = json!(backend.active);
        view["frozen"] = json!(backend.is(Condition::Frozen));
        if version >= BACKEND_STATE_SINCE {
            let state = if backend.is(Condition::Down) { "down" } else { "up" };
            view["backend_state"] = json!(backend.report.as_ref().map(|_| state));
        }
    }
    view
}
