//! `GET /volumes/{id}`

use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use std::collections::BTreeMap;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    Ok(Json(BTreeMap::from([("volume", views::volume::detail(&volume, &context))])).into_response())
}
