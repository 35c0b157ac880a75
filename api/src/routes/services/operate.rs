//! Operations whose only argument is the backend that the body names.

use super::target::host_or_cluster;
use crate::app::App;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::BackendId;
use operation::Operation;
use serde_json::{Map, Value};

/// Submits an operation on the backend that the body names; 200 once it is admitted.
pub(super) async fn operate<O: Into<Operation>>(
    app: &App,
    context: &RequestContext,
    body: Map<String, Value>,
    on: fn(BackendId) -> O,
) -> Answer {
    let mut body = Fields::of_body(body);
    let backend = host_or_cluster(app, context, &mut body).await?;
    body.refuse_rest()?;
    submit(app, context, on(backend.id)).await?;
    Ok(StatusCode::OK.into_response())
}
