//! Transfers of volumes.

use super::timestamp;
use crate::request::RequestContext;
use model::Transfer;
use serde_json::{Value, json};

/// Where links lead, under whichever name the transfer was asked for.
pub(crate) const COLLECTION: &str = "os-volume-transfer";
/// Since 3.55 it is shown whether snapshots stay.
const NO_SNAPSHOTS_SINCE: u16 = 55;
/// Since 3.57 both projects are shown.
const HISTORY_SINCE: u16 = 57;

/// What summaries show, and what was accepted.
pub(crate) fn summary(transfer: &Transfer, context: &RequestContext) -> Value {
    json!({
        "id": transfer.id,
        "volume_id": transfer.volume_id,
        "name": transfer.name,
        "links": context.links.of_item(COLLECTION, transfer.id),
    })
}

/// What details show.
pub(crate) fn detail(transfer: &Transfer, context: &RequestContext) -> Value {
    let mut view = summary(transfer, context);
    view["created_at"] = json!(timestamp(Some(transfer.created_at)));
    if context.version.0 >= NO_SNAPSHOTS_SINCE {
        view["no_snapshots"] = json!(transfer.no_snapshots);
    }
    if context.version.0 >= HISTORY_SINCE {
        view["source_project_id"] = json!(transfer.project_id);
        view["destination_project_id"] = json!(transfer.destination_project_id);
        view["accepted"] = json!(transfer.accepted);
    }
    view
}

/// What the caller is shown who has made it: the key, this once.
pub(crate) fn created(transfer: &Transfer, auth_key: &str, context: &RequestContext) -> Value {
    let mut view = detail(transfer, context);
    view["auth_key"] = json!(auth_key);
    view
}
