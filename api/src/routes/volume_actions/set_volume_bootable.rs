//! `os-set_bootable`: submits `set_volume_bootable`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::SetVolumeBootable;

const NAME: &str = "os-set_bootable";

pub(super) async fn set_bootable(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let bootable = arguments.boolean("bootable")?.ok_or_else(|| required("bootable"))?;
    arguments.refuse_rest()?;
    let operation = SetVolumeBootable { volume_id: action.id, bootable };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::OK.into_response())
}
