//! `GET /qos-specs/{id}`

use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = find(&app, &id).await?;
    Ok(Json(views::qos_specs::detail(&found, &context)).into_response())
}
