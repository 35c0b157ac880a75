//! `PUT /types/{id}`: submits `update_volume_type`.

use super::{after, parse_id};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use model::Error;
use operation::UpdateVolumeType;
use serde_json::json;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let volume_type_id = parse_id(&id)?;
    let mut asked = Fields::inside(body, "volume_type")?;
    let operation = UpdateVolumeType {
        volume_type_id,
        name: asked.text("name")?.flatten(),
        description: asked.text("description")?.filter(Option::is_some),
        is_public: asked.boolean("is_public")?,
    };
    asked.refuse_rest()?;
    if operation.name.as_deref() == Some("") {
        return Err(invalid("name", &json!(""), "is too short").into());
    }
    if operation.name.is_none() && operation.description.is_none() && operation.is_public.is_none()
    {
        return Err(Error::bad_request(
            "Specify volume type name, description, is_public or a combination thereof.",
        )
        .into());
    }
    let submitted = submit(&app, &context, operation).await?;
    let changed = after(&app, &context, volume_type_id, submitted).await?;
    let view = views::volume_type::updated(&changed, &context);
    Ok(Json(json!({ "volume_type": view })).into_response())
}
