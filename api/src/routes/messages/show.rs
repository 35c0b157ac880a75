//! `GET /messages/{id}`

use super::{SINCE, not_found, parse_id};
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use database::messages;
use serde_json::json;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    context.version.require(SINCE)?;
    let scope = context.caller.project_scope();
    let found = messages::find(&app.database, parse_id(&id)?, scope).await?;
    let found = found.ok_or_else(|| not_found(&id))?;
    Ok(Json(json!({ "message": views::message::detail(&found, &context) })).into_response())
}
