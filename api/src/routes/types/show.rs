//! `GET /types/{id}` and `GET /types/default`

use super::{default, find};
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use model::Error;
use serde_json::json;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = match id.as_str() {
        "default" => default(&app, &context.caller.project_id).await?,
        _ => Some(find(&app, &context, &id).await?),
    };
    let found = found.ok_or_else(|| Error::not_found("Default volume type can not be found."))?;
    Ok(Json(json!({ "volume_type": views::volume_type::detail(&found, &context) })).into_response())
}
