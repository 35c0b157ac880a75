//! `DELETE /messages/{id}`: submits `delete_message`.

use super::{SINCE, parse_id};
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::DeleteMessage;

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    context.version.require(SINCE)?;
    submit(&app, &context, DeleteMessage { message_id: parse_id(&id)? }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
