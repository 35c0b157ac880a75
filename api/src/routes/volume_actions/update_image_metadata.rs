//! `os-set_image_metadata` and `os-unset_image_metadata`: submits `update_image_metadata`;
//! `os-show_image_metadata`, read.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::routes::volumes;
use crate::submit::submit;
use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::UpdateImageMetadata;
use operation::change::MetadataChange;
use serde_json::json;

const SET: &str = "os-set_image_metadata";
const UNSET: &str = "os-unset_image_metadata";

pub(super) async fn set(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(SET)?.ok_or_else(|| required(SET))?;
    let entries = arguments.image_metadata("metadata")?.ok_or_else(|| required("metadata"))?;
    arguments.refuse_rest()?;
    change(&action, MetadataChange::Merge(entries)).await?;
    show(action).await
}

pub(super) async fn unset(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(UNSET)?.ok_or_else(|| required(UNSET))?;
    let key = arguments.required_text("key")?;
    arguments.refuse_rest()?;
    change(&action, MetadataChange::RemoveKey(key)).await?;
    Ok(StatusCode::OK.into_response())
}

pub(super) async fn show(action: VolumeAction<'_>) -> Answer {
    let volume = volumes::find(action.app, action.context, &action.id.to_string()).await?;
    Ok(Json(json!({ "metadata": volume.image_metadata })).into_response())
}

async fn change(action: &VolumeAction<'_>, image_metadata: MetadataChange) -> Answer<()> {
    let operation = UpdateImageMetadata { volume_id: action.id, image_metadata };
    submit(action.app, action.context, operation).await?;
    Ok(())
}
