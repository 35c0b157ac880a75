//! `DELETE /backups/{id}`: submits `delete_backup`.

use super::parse_id;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::DeleteBackup;

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    submit(&app, &context, DeleteBackup { backup_id: parse_id(&id)? }).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
