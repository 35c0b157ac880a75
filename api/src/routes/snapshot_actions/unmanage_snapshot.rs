//! `os-unmanage`: submits `unmanage_snapshot`.

use crate::action::SnapshotAction;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::UnmanageSnapshot;

pub(super) async fn unmanage(action: SnapshotAction<'_>) -> Answer {
    let operation = UnmanageSnapshot { snapshot_id: action.id };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
