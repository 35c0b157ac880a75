//! `GET /backups/{id}`

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
    let backup = find(&app, &context, &id).await?;
    Ok(Json(json!({ "backup": views::backup::detail(&backup, &context) })).into_response())
}
