//! Snapshots.

use super::timestamp;
use crate::policy::Rule;
use crate::request::RequestContext;
use model::Snapshot;
use serde_json::{Value, json};

/// Since 3.14 snapshots may belong to a snapshot of a group.
const GROUP_SINCE: u16 = 14;
/// Since 3.41 snapshots say who made them.
const USER_SINCE: u16 = 41;
/// Since 3.65 snapshots say whether they count.
const QUOTA_SINCE: u16 = 65;

/// What the short list shows.
pub(crate) fn summary(snapshot: &Snapshot) -> Value {
    json!({
        "id": snapshot.id,
        "created_at": timestamp(Some(snapshot.created_at)),
        "updated_at": timestamp(snapshot.updated_at),
        "name": snapshot.name,
        "description": snapshot.description,
        "volume_id": snapshot.volume_id,
        "status": snapshot.status,
        "size": snapshot.size_gb,
        "metadata": snapshot.metadata,
    })
}

/// What the answers to create and update show.
pub(crate) fn created(snapshot: &Snapshot, context: &RequestContext) -> Value {
    let version = context.version.0;
    let mut view = summary(snapshot);
    if version >= GROUP_SINCE {
        view["group_snapshot_id"] = Value::Null;
    }
    if version >= USER_SINCE {
        view["user_id"] = json!(snapshot.user_id);
    }
    if version >= QUOTA_SINCE {
        view["consumes_quota"] = json!(snapshot.consumes_quota);
    }
    view
}

/// What show and the detailed list show.
pub(crate) fn detail(snapshot: &Snapshot, context: &RequestContext) -> Value {
    let mut view = created(snapshot, context);
    if context.allows(Rule::SnapshotExtendedAttributes) {
        view["os-extended-snapshot-attributes:project_id"] = json!(snapshot.project_id);
        view["os-extended-snapshot-attributes:progress"] = json!(snapshot.progress);
    }
    view
}
