//! `PUT /os-services/thaw`: submits `thaw_backend`.

use super::operate::operate;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::request::RequestContext;
use axum::extract::State;
use operation::ThawBackend;

pub(crate) async fn thaw(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    operate(&app, &context, body, |backend_id| ThawBackend { backend_id }).await
}
