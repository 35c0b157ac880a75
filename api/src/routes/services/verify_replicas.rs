//! `PUT /os-services/verify_replicas`: submits `verify_replicas`.

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
use operation::VerifyReplicas;
use uuid::Uuid;

pub(crate) async fn verify(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let repair = body.boolean("repair")?.unwrap_or(false);
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    let operation =
        VerifyReplicas { backend_id: backend.id, verification_id: Uuid::new_v4(), repair };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
