//! Clusters.

use super::timestamp;
use crate::request::RequestContext;
use model::{Backend, Binary, Condition, Service};
use serde_json::{Value, json};

/// Since 3.26 clusters say where their replication stands.
const REPLICATION_SINCE: u16 = 26;

/// A backend with the workers that share it.
pub(crate) struct Cluster {
    pub backend: Backend,
    pub members: Vec<Service>,
}

impl Cluster {
    /// Whether any member is there.
    pub fn is_up(&self) -> bool {
        self.members.iter().any(|member| member.is_up)
    }

    pub fn down_members(&self) -> usize {
        self.members.iter().filter(|member| !member.is_up).count()
    }
}

/// What the short list shows.
pub(crate) fn summary(cluster: &Cluster, context: &RequestContext) -> Value {
    let backend = &cluster.backend;
    let mut view = json!({
        "name": backend.name,
        "binary": Binary::Volume,
        "state": if cluster.is_up() { "up" } else { "down" },
        "status": if backend.is(Condition::Disabled) { "disabled" } else { "enabled" },
    });
    if context.version.0 >= REPLICATION_SINCE {
        view["replication_status"] = json!(backend.replication_status);
    }
    view
}

/// What show and the detailed list add.
pub(crate) fn detail(cluster: &Cluster, context: &RequestContext) -> Value {
    let backend = &cluster.backend;
    let newest = cluster.members.iter().filter_map(|member| member.seen_at).max();
    let mut view = summary(cluster, context);
    view["num_hosts"] = json!(cluster.members.len());
    view["num_down_hosts"] = json!(cluster.down_members());
    // an empty text for what never was, here alone
    view["last_heartbeat"] = json!(timestamp(newest).unwrap_or_default());
    view["created_at"] = json!(timestamp(backend.created_at).unwrap_or_default());
    view["updated_at"] = json!(timestamp(backend.updated_at).unwrap_or_default());
    view["disabled_reason"] = json!(backend.disabled_reason);
    if context.version.0 >= REPLICATION_SINCE {
        view["frozen"] = json!(backend.is(Condition::Frozen));
        view["active_backend_id"] = json!(backend.active);
    }
    view
}
