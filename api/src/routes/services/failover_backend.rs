//! `PUT /os-services/failover_host` and `/os-services/failover`: submits `failover_backend`.

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
use model::{Backend, Error, Result, Side};
use operation::FailoverBackend;

pub(crate) async fn failover(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let asked = body.text("backend_id")?.flatten().filter(|target| !target.is_empty());
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    let target = match asked {
        Some(name) => Side::named(&name),
        None => next_target(&backend)?,
    };
    let operation = FailoverBackend {
        backend_id: backend.id,
        target,
        accepted_loss: None,
        leave_behind: false,
    };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The first target that the backend does not serve from, and that is not down.
fn next_target(backend: &Backend) -> Result<Side> {
    backend.next_target().ok_or_else(|| {
        Error::bad_request(format!(
            "Backend {} has no replication target to fail over to.",
            backend.name
        ))
    })
}
