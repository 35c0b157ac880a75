//! `PUT /os-services/reset_active_backend`: `promote_backend`, asked.

use super::target::host_or_cluster;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::PromoteBackend;

pub(crate) async fn promote(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    submit(&app, &context, PromoteBackend { backend_id: backend.id }).await?;
    Ok(StatusCode::OK.into_response())
}
