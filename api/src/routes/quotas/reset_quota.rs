//! `DELETE /os-quota-sets/{project}`: submits `reset_quota`.

use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::ResetQuota;

pub(crate) async fn reset(
    State(app): State<App>,
    context: RequestContext,
    Path(project): Path<String>,
) -> Answer {
    submit(&app, &context, ResetQuota { project }).await?;
    Ok(StatusCode::OK.into_response())
}
