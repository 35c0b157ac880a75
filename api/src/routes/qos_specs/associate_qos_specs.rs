//! `GET /qos-specs/{id}/associate` (which changes something, as in Cinder): submits `associate_qos_specs`;
//! and `GET /qos-specs/{id}/associations`.

use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::routes::types;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::qos_specs;
use model::{Error, VolumeType};
use operation::AssociateQosSpecs;
use serde_json::{Value, json};

pub(crate) async fn associate(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let volume_type = named_type(&app, &context, query.as_deref()).await?;
    let found = find(&app, &id).await?;
    let operation = AssociateQosSpecs { volume_type_id: volume_type.id, qos_specs_id: found.id };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

pub(crate) async fn associations(State(app): State<App>, Path(id): Path<String>) -> Answer {
    let found = find(&app, &id).await?;
    let types = qos_specs::types_of(&app.database, found.id).await?;
    let line = |volume_type: &VolumeType| json!({ "association_type": "volume_type", "name": volume_type.name, "id": volume_type.id });
    let lines: Vec<Value> = types.iter().map(line).collect();
    Ok(Json(json!({ "qos_associations": lines })).into_response())
}

/// The volume type that the query names.
pub(super) async fn named_type(
    app: &App,
    context: &RequestContext,
    query: Option<&str>,
) -> Answer<VolumeType> {
    match Parameters::parse(query)?.take("vol_type_id").filter(|id| !id.is_empty()) {
        Some(id) => types::find(app, context, &id).await,
        None => Err(Error::bad_request("Volume Type id must not be None.").into()),
    }
}
