//! `os-unmanage`: submits `unmanage_volume`.

use super::Action;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::UnmanageVolume;

pub(super) async fn unmanage(action: Action<'_>) -> Answer {
    let operation = UnmanageVolume { volume_id: action.id };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
