//! `os-unmanage`: submits `unmanage_volume`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::UnmanageVolume;

pub(super) async fn unmanage(action: VolumeAction<'_>) -> Answer {
    let operation = UnmanageVolume { volume_id: action.id };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
