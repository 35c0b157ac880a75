//! `os-force_delete`: submits `force_delete_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::ForceDeleteVolume;

pub(super) async fn force_delete(action: VolumeAction<'_>) -> Answer {
    let operation = ForceDeleteVolume { volume_id: action.id, snapshots: Vec::new() };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
