//! `GET /attachments/{id}`

use super::{SINCE, find};
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
    context.version.require(SINCE)?;
    let attachment = find(&app, &context, &id).await?;
    Ok(Json(json!({ "attachment": views::attachment::detail(&attachment) })).into_response())
}
