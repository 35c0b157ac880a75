//! `DELETE /types/{id}`: submits `delete_volume_type`.

use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::Error;
use operation::DeleteVolumeType;

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    if found.name == app.config.default_volume_type {
        return Err(Error::bad_request(format!(
            "Invalid volume type: {} is the default type and cannot be deleted.",
            found.name
        ))
        .into());
    }
    submit(&app, &context, DeleteVolumeType { volume_type_id: found.id }).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
