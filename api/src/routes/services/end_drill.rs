//! `PUT /os-services/end_drill`: submits `end_drill`.

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
use operation::EndDrill;

pub(crate) async fn end(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let backend_id = host_or_cluster(&app, &context, &mut body).await?.id;
    body.refuse_rest()?;
    submit(&app, &context, EndDrill { backend_id, drill_id: None }).await?;
    // the copies go after it
    Ok(StatusCode::ACCEPTED.into_response())
}
