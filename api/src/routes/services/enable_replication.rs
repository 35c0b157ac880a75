//! `PUT /os-services/replication_enable`: `enable_replication`, asked.

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
use operation::EnableReplication;

pub(crate) async fn enable(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    submit(&app, &context, EnableReplication { backend_id: backend.id }).await?;
    Ok(StatusCode::OK.into_response())
}
