//! `PUT /os-services/replication_enable`: submits `enable_replication`.

use super::operate::operate;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::request::RequestContext;
use axum::extract::State;
use operation::EnableReplication;

pub(crate) async fn enable(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    operate(&app, &context, body, |backend_id| EnableReplication { backend_id }).await
}
