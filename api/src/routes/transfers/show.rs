//! `GET /volume-transfers/{id}`

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
    let transfer = find(&app, &id, context.caller.project_scope()).await?;
    let view = views::transfer::detail(&transfer, &context);
    Ok(Json(json!({ "transfer": view })).into_response())
}
