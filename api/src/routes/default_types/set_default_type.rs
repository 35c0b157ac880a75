//! `PUT` and `DELETE /default-types/{project}`: submits `set_default_type`.

use super::{SINCE, require_project};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::volume_types;
use model::Error;
use operation::SetDefaultType;
use serde_json::json;

pub(crate) async fn set(
    State(app): State<App>,
    context: RequestContext,
    Path(project): Path<String>,
    Body(body): Body,
) -> Answer {
    context.version.require(SINCE)?;
    let mut asked = Fields::inside(body, "default_type")?;
    let name = asked.required_text("volume_type")?;
    asked.refuse_rest()?;
    require_project(&app, &context, &project).await?;
    // 400 here, unlike everywhere else
    let found = volume_types::find(&app.database, &name, None)
        .await?
        .ok_or_else(|| Error::bad_request(format!("Volume type {name} could not be found.")))?;
    let view = json!({ "project_id": project, "volume_type_id": found.id });
    let operation = SetDefaultType { project, volume_type_id: Some(found.id) };
    submit(&app, &context, operation).await?;
    Ok(Json(json!({ "default_type": view })).into_response())
}

pub(crate) async fn unset(
    State(app): State<App>,
    context: RequestContext,
    Path(project): Path<String>,
) -> Answer {
    context.version.require(SINCE)?;
    // of a project that is gone, it goes too
    if !volume_types::defaults(&app.database, Some(&project)).await?.is_empty() {
        submit(&app, &context, SetDefaultType { project, volume_type_id: None }).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}
