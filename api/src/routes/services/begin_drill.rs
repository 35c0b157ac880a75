//! `PUT /os-services/begin_drill`: submits `begin_drill`.

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
use model::Error;
use operation::BeginDrill;
use uuid::Uuid;

pub(crate) async fn begin(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let named = body.text("backend_id")?.flatten();
    let backend = host_or_cluster(&app, &context, &mut body).await?;
    body.refuse_rest()?;
    let first = || backend.report.as_ref()?.replication_targets.first().cloned();
    let target = named
        .or_else(first)
        .ok_or_else(|| Error::bad_request("The backend has no replication target."))?;
    let operation = BeginDrill { backend_id: backend.id, drill_id: Uuid::new_v4(), target };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
