//! `GET /qos-specs/{id}/disassociate` and `…/disassociate_all`: submits `disassociate_qos_specs`.

use super::associate_qos_specs::named_type;
use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::qos_specs;
use model::QosSpecsId;
use operation::DisassociateQosSpecs;

pub(crate) async fn disassociate(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let volume_type = named_type(&app, &context, query.as_deref()).await?;
    let found = find(&app, &id).await?;
    let operation = DisassociateQosSpecs { volume_type_id: volume_type.id, qos_specs_id: found.id };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

pub(crate) async fn disassociate_all(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = find(&app, &id).await?;
    disassociate_from_all(&app, &context, found.id).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Takes a QoS specification from every volume type that has it.
pub(super) async fn disassociate_from_all(
    app: &App,
    context: &RequestContext,
    qos_specs_id: QosSpecsId,
) -> Answer<()> {
    for volume_type in qos_specs::types_of(&app.database, qos_specs_id).await? {
        let operation = DisassociateQosSpecs { volume_type_id: volume_type.id, qos_specs_id };
        submit(app, context, operation).await?;
    }
    Ok(())
}
