//! `PUT /os-services/disable` and `/os-services/disable-log-reason`: submits `disable_backend`.

use super::target::Named;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use operation::DisableBackend;
use serde_json::json;

pub(crate) async fn disable(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let named = Named::take(&mut body)?;
    body.refuse_rest()?;
    let backend = named.find(&app).await?;
    submit(&app, &context, DisableBackend { backend_id: backend.id, reason: None }).await?;
    Ok(Json(named.answer(true)).into_response())
}

pub(crate) async fn disable_with_reason(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let named = Named::take(&mut body)?;
    let reason = body.required_text("disabled_reason")?;
    body.refuse_rest()?;
    let backend = named.find(&app).await?;
    let operation = DisableBackend { backend_id: backend.id, reason: Some(reason.clone()) };
    submit(&app, &context, operation).await?;
    let mut answer = named.answer(true);
    answer["disabled_reason"] = json!(reason);
    Ok(Json(answer).into_response())
}
