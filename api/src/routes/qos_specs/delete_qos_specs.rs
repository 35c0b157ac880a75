//! `DELETE /qos-specs/{id}`: submits `delete_qos_specs`; with `force`, it is taken from its volume types
//! before.

use super::disassociate_qos_specs::disassociate_from_all;
use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::DeleteQosSpecs;

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let force = Parameters::parse(query.as_deref())?.flag("force")?;
    let found = find(&app, &id).await?;
    if force {
        disassociate_from_all(&app, &context, found.id).await?;
    }
    submit(&app, &context, DeleteQosSpecs { qos_specs_id: found.id }).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
