//! `PUT /os-services/failover_host` and `/os-services/failover`: `failover_backend`, asked.

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
use model::{Backend, Error, Result};
use operation::FailoverBackend;

/// What operators call the backend's own side.
const OWN_SIDE: &str = "default";

pub(crate) async fn failover(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let asked = body.text("backend_id")?.flatten().filter(|target| !target.is_empty());
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    let target = match asked.as_deref() {
        Some(OWN_SIDE) => None,
        Some(_) => asked,
        None => Some(next_target(&backend)?),
    };
    let operation = FailoverBackend { backend_id: backend.id, target, accept_data_loss: false };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The first target that the backend does not serve from, and that is not down.
fn next_target(backend: &Backend) -> Result<String> {
    backend.next_target().ok_or_else(|| {
        Error::bad_request(format!(
            "Backend {} has no replication target to fail over to.",
            backend.name
        ))
    })
}
