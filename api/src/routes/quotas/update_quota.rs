//! `PUT /os-quota-sets/{project}`: submits `update_quota`.

use super::show::limits as limits_view;
use super::{effective_quota, find, limits};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use operation::UpdateQuota;
use serde_json::json;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(project): Path<String>,
    Body(body): Body,
) -> Answer {
    let quota = find(&app, &project).await?;
    let mut set = Fields::inside(body, "quota_set")?;
    // clients repeat the project here
    set.value("tenant_id");
    let limits = limits(&mut set, &quota)?;
    set.refuse_rest()?;
    let operation = UpdateQuota { project: project.clone(), limits };
    submit(&app, &context, operation).await?;
    let quota = find(&app, &project).await?;
    let view = limits_view(effective_quota(&app, &quota, true));
    Ok(Json(json!({ "quota_set": view })).into_response())
}
