//! `GET /types/{id}/os-volume-type-access`, and `POST /types/{id}/action`: submits `update_type_access`.

use super::{find, parse_id};
use crate::action::{self, Action, ActionEntry};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::required;
use crate::policy::{Object, Rule};
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, VolumeTypeId};
use operation::UpdateTypeAccess;
use serde_json::{Value, json};

const ADD: &str = "addProjectAccess";
const REMOVE: &str = "removeProjectAccess";

const ACTIONS: &[ActionEntry<VolumeTypeId>] = &[
    ActionEntry::new(ADD, &[Rule::TypeAddProjectAccess], |action| {
        Box::pin(change(action, ADD, true))
    }),
    ActionEntry::new(REMOVE, &[Rule::TypeRemoveProjectAccess], |action| {
        Box::pin(change(action, REMOVE, false))
    }),
];

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
    action::act(ACTIONS, &app, &context, Object::Other, parse_id(&id), body).await
}

/// Lets a project use the type, or ends that.
async fn change(mut action: Action<'_, VolumeTypeId>, name: &'static str, allowed: bool) -> Answer {
    let mut arguments = action.body.object(name)?.ok_or_else(|| required(name))?;
    let project = arguments.required_text("project")?;
    arguments.refuse_rest()?;
    let operation = UpdateTypeAccess { volume_type_id: action.id, project, allowed };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
