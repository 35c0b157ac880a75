//! `GET /backups/{id}/export_record`

use super::{find, record};
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use model::{BackupStatus, Error};
use serde_json::json;

pub(crate) async fn export(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let backup = find(&app, &context, &id).await?;
    if backup.status != BackupStatus::Available {
        return Err(Error::bad_request(format!(
            "Invalid backup: Backup status must be available and not {}.",
            backup.status
        ))
        .into());
    }
    Ok(Json(json!({ "backup-record": record::exported(&backup) })).into_response())
}
