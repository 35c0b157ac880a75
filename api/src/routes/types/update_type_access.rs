//! `GET /types/{id}/os-volume-type-access`, and `POST /types/{id}/action`: `update_type_access`, asked.

use super::{find, parse_id};
use crate::action::{self, Named};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, required};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::Error;
use operation::UpdateTypeAccess;
use serde_json::{Value, json};

const ADD: &str = "addProjectAccess";
const REMOVE: &str = "removeProjectAccess";

/// Each action with whether the project may use the type afterwards.
const ACTIONS: &[Named<bool>] =
    &[Named::new(ADD, Rule::Admin, true), Named::new(REMOVE, Rule::Admin, false)];

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    if found.is_public {
        let message = "Access list not available for public volume types.";
        return Err(Error::not_found(message).into());
    }
    let line = |project: &String| json!({ "volume_type_id": found.id, "project_id": project });
    let lines: Vec<Value> = found.access.keys().map(line).collect();
    Ok(Json(json!({ "volume_type_access": lines })).into_response())
}

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let allowed = action::which(ACTIONS, &body, &context)?;
    let name = if allowed { ADD } else { REMOVE };
    let mut arguments = Fields::of_body(body).object(name)?.ok_or_else(|| required(name))?;
    let project = arguments.required_text("project")?;
    arguments.refuse_rest()?;
    let operation = UpdateTypeAccess { volume_type_id: parse_id(&id)?, project, allowed };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
