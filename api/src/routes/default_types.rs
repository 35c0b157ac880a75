//! `/default-types`: which type of volume a project gets when it asks for none.

pub(crate) mod set_default_type;

use crate::app::App;
use crate::fault::Answer;
use crate::identity::Identification;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use database::volume_types::{self, ProjectDefault};
use model::{Error, Result};
use serde_json::{Value, json};

/// Since 3.62 projects have default types.
const SINCE: u16 = 62;

pub(crate) async fn list(State(app): State<App>, context: RequestContext) -> Answer {
    context.version.require(SINCE)?;
    let defaults = volume_types::defaults(&app.database, None).await?;
    let lines: Vec<Value> = defaults.iter().map(line).collect();
    Ok(Json(json!({ "default_types": lines })).into_response())
}

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(project): Path<String>,
) -> Answer {
    context.version.require(SINCE)?;
    require_project(&app, &context, &project).await?;
    let defaults = volume_types::defaults(&app.database, Some(&project)).await?;
    let found = defaults.first().ok_or_else(|| {
        Error::not_found(format!("Default type for project {project} not found."))
    })?;
    Ok(Json(json!({ "default_type": line(found) })).into_response())
}

fn line(default: &ProjectDefault) -> Value {
    json!({ "project_id": default.project_id, "volume_type_id": default.volume_type_id })
}

/// Where projects are Keystone's, there must be this one.
async fn require_project(app: &App, context: &RequestContext, project: &str) -> Result<()> {
    let (Identification::Keystone(keystone), Some(token)) = (&app.identification, &context.token)
    else {
        return Ok(());
    };
    if keystone.has_project(project, token).await? {
        return Ok(());
    }
    Err(Error::not_found(format!("Project with id {project} not found.")))
}
