//! `os-reset_status`: submits `reset_backup_status`.

use crate::action::BackupAction;
use crate::fault::Answer;
use crate::fields::{invalid, required};
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{BackupStatus, Result};
use operation::ResetBackupStatus;
use serde_json::json;

const NAME: &str = "os-reset_status";

pub(super) async fn reset(mut action: BackupAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let status = status(&arguments.required_text("status")?)?;
    arguments.refuse_rest()?;
    submit(action.app, action.context, ResetBackupStatus { backup_id: action.id, status }).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A status that Cinder allows here: those that nothing needs to bring about.
fn status(text: &str) -> Result<BackupStatus> {
    let refused = || invalid("status", &json!(text), "is not one of ['available', 'error']");
    match text.parse().map_err(|_| refused())? {
        status @ (BackupStatus::Available | BackupStatus::Error) => Ok(status),
        BackupStatus::Creating
        | BackupStatus::Restoring
        | BackupStatus::Deleting
        | BackupStatus::Deleted
        | BackupStatus::ErrorDeleting => Err(refused()),
    }
}
