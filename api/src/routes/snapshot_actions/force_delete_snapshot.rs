//! `os-force_delete`: submits `force_delete_snapshot`.

use crate::action::SnapshotAction;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::ForceDeleteSnapshot;

pub(super) async fn force_delete(action: SnapshotAction<'_>) -> Answer {
    let operation = ForceDeleteSnapshot { snapshot_id: action.id };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
