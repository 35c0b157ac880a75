//! Backups.

use super::timestamp;
use crate::policy::Rule;
use crate::request::RequestContext;
use model::Backup;
use serde_json::{Value, json};

/// Where links lead.
const COLLECTION: &str = "backups";
/// Since 3.18 admins see whose a backup is.
const PROJECT_SINCE: u16 = 18;
/// Since 3.43 backups have metadata.
const METADATA_SINCE: u16 = 43;
/// Since 3.56 admins see who made a backup.
const USER_SINCE: u16 = 56;

/// What the short list, and the answers to create, update and import show.
pub(crate) fn summary(backup: &Backup, context: &RequestContext) -> Value {
    json!({
        "id": backup.id,
        "name": backup.name,
        "links": context.links.of_item(COLLECTION, backup.id),
    })
}

/// What show and the detailed list show.
pub(crate) fn detail(backup: &Backup, context: &RequestContext) -> Value {
    let version = context.version.0;
    let mut view = summary(backup, context);
    view["status"] = json!(backup.status);
    view["size"] = json!(backup.size_gb);
    view["object_count"] = json!(backup.object_count);
    view["availability_zone"] = json!(backup.availability_zone);
    view["container"] = json!(backup.container);
    view["created_at"] = json!(timestamp(Some(backup.created_at)));
    view["updated_at"] = json!(timestamp(backup.updated_at));
    view["description"] = json!(backup.description);
    view["fail_reason"] = json!(backup.fail_reason);
    view["volume_id"] = json!(backup.volume_id);
    view["is_incremental"] = json!(backup.parent_id.is_some());
    view["has_dependent_backups"] = json!(backup.has_dependent_backups);
    view["snapshot_id"] = json!(backup.snapshot_id);
    view["data_timestamp"] = json!(timestamp(Some(backup.data_timestamp)));
    if version >= METADATA_SINCE {
        view["metadata"] = json!(backup.metadata);
    }
    if version >= PROJECT_SINCE && context.allows(Rule::BackupProjectAttribute) {
        view["os-backup-project-attr:project_id"] = json!(backup.project_id);
        if version >= USER_SINCE {
            view["user_id"] = json!(backup.user_id);
        }
    }
    view
}
