//! `os-update_readonly_flag`: submits `set_volume_readonly`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::SetVolumeReadonly;

const NAME: &str = "os-update_readonly_flag";

pub(super) async fn set_readonly(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let readonly = arguments.boolean("readonly")?.ok_or_else(|| required("readonly"))?;
    arguments.refuse_rest()?;
    let operation = SetVolumeReadonly { volume_id: action.id, readonly };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
