//! `os-reset_status`: submits `reset_snapshot_status`.

use crate::action::SnapshotAction;
use crate::fault::Answer;
use crate::fields::{invalid, required};
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Result, SnapshotStatus};
use operation::ResetSnapshotStatus;
use serde_json::json;

const NAME: &str = "os-reset_status";

pub(super) async fn reset(mut action: SnapshotAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let status = status(&arguments.required_text("status")?)?;
    arguments.refuse_rest()?;
    let operation =
        ResetSnapshotStatus { snapshot_id: action.id, status, progress: None, seen: None };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A status that Cinder's clients offer. What only a running operation shows is a record like any other where none runs,
/// and no other operation but a deletion begins from it.
fn status(text: &str) -> Result<SnapshotStatus> {
    let refused = || invalid("status", &json!(text), "is no status that can be set");
    match text.to_lowercase().parse().map_err(|_| refused())? {
        status @ (SnapshotStatus::Available
        | SnapshotStatus::Error
        | SnapshotStatus::Creating
        | SnapshotStatus::Deleting
        | SnapshotStatus::ErrorDeleting) => Ok(status),
        SnapshotStatus::Unmanaging
        | SnapshotStatus::Restoring
        | SnapshotStatus::BackingUp
        | SnapshotStatus::Deleted => Err(refused()),
    }
}
