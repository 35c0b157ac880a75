//! `PUT /os-services/reset_active_backend`: submits `promote_backend`.

use super::operate::operate;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::request::RequestContext;
use axum::extract::State;
use operation::PromoteBackend;

pub(crate) async fn promote(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    operate(&app, &context, body, |backend_id| PromoteBackend { backend_id }).await
}
