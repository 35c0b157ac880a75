//! `os-force_delete`: submits `force_delete_backup`.

use crate::action::BackupAction;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::ForceDeleteBackup;

pub(super) async fn force_delete(action: BackupAction<'_>) -> Answer {
    submit(action.app, action.context, ForceDeleteBackup { backup_id: action.id }).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
