//! `GET /types/{id}` and `GET /types/default`

use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde_json::json;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let name = if id == "default" { &app.config.default_volume_type } else { &id };
    let found = find(&app, &context, name).await?;
    Ok(Json(json!({ "volume_type": views::volume_type::detail(&found, &context) })).into_response())
}
