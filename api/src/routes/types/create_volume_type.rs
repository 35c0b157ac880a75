//! `POST /types`: submits `create_volume_type`.

use super::after;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use model::VolumeTypeId;
use operation::CreateVolumeType;
use serde_json::json;

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "volume_type")?;
    let volume_type_id = VolumeTypeId::random();
    let operation = CreateVolumeType {
        volume_type_id,
        name: asked.required_text("name")?,
        description: asked.text("description")?.flatten(),
        is_public: asked.boolean("os-volume-type-access:is_public")?.unwrap_or(true),
        extra_specs: asked.metadata("extra_specs")?.unwrap_or_default(),
    };
    asked.refuse_rest()?;
    let submitted = submit(&app, &context, operation).await?;
    let made = after(&app, &context, volume_type_id, submitted).await?;
    Ok(Json(json!({ "volume_type": views::volume_type::created(&made, &context) })).into_response())
}
