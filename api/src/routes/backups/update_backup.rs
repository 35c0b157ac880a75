//! `PUT /backups/{id}`: submits `update_backup`.

use super::{after, parse_id};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use operation::UpdateBackup;
use operation::change::MetadataChange;
use serde_json::json;

/// Since 3.43 backups have metadata.
const METADATA_SINCE: u16 = 43;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let backup_id = parse_id(&id)?;
    let mut backup = Fields::inside(body, "backup")?;
    let has_metadata = context.version.0 >= METADATA_SINCE;
    let metadata = if has_metadata { backup.metadata("metadata")? } else { None };
    let operation = UpdateBackup {
        backup_id,
        name: backup.text("name")?,
        description: backup.text("description")?,
        metadata: metadata.map(MetadataChange::Replace),
    };
    backup.refuse_rest()?;
    let UpdateBackup { name, description, metadata, .. } = &operation;
    if name.is_none() && description.is_none() && metadata.is_none() {
        return Err(invalid("backup", &json!({}), "does not have enough properties").into());
    }
    let submitted = submit(&app, &context, operation).await?;
    let backup = after(&app, &context, backup_id, submitted).await?;
    Ok(Json(json!({ "backup": views::backup::summary(&backup, &context) })).into_response())
}
