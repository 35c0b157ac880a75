//! `PUT /qos-specs/{id}` and `PUT /qos-specs/{id}/delete_keys`: submits `update_qos_specs`.

use super::{consumer, find};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::Metadata;
use operation::UpdateQosSpecs;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body.clone(), "qos_specs")?;
    let found = find(&app, &id).await?;
    let operation = UpdateQosSpecs {
        qos_specs_id: found.id,
        consumer: consumer(&mut asked)?,
        specs: asked.rest_as_metadata("qos_specs")?,
        remove_keys: Vec::new(),
    };
    submit(&app, &context, operation).await?;
    Ok(Json(body).into_response())
}

pub(crate) async fn delete_keys(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let mut body = Fields::of_body(body);
    let keys = body.value("keys").ok_or_else(|| required("keys"))?;
    body.refuse_rest()?;
    let remove_keys: Vec<String> = serde_json::from_value(keys.clone())
        .map_err(|_| invalid("keys", &keys, "is not of type 'array' of 'string'"))?;
    let found = find(&app, &id).await?;
    if !remove_keys.is_empty() {
        let (qos_specs_id, specs) = (found.id, Metadata::new());
        let operation = UpdateQosSpecs { qos_specs_id, consumer: None, specs, remove_keys };
        submit(&app, &context, operation).await?;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}
