//! `os-unmanage`: submits `unmanage_snapshot`.

use super::Action;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::UnmanageSnapshot;

pub(super) async fn unmanage(action: Action<'_>) -> Answer {
    let operation = UnmanageSnapshot { snapshot_id: action.id };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
