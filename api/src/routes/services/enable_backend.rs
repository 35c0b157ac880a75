//! `PUT /os-services/enable`: submits `enable_backend`.

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
use operation::EnableBackend;

pub(crate) async fn enable(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let named = Named::take(&mut body)?;
    body.refuse_rest()?;
    let backend = named.find(&app).await?;
    submit(&app, &context, EnableBackend { backend_id: backend.id }).await?;
    Ok(Json(named.answer(false)).into_response())
}
