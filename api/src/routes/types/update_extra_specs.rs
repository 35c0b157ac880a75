//! `/types/{id}/extra_specs` and `/types/{id}/extra_specs/{key}`: reads, or submits `update_extra_specs`.

use super::find;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, metadata_entries, required};
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views::volume_type::visible_specs;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, Metadata};
use operation::UpdateExtraSpecs;
use operation::change::MetadataChange;
use serde_json::{Value, json};

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    Ok(Json(json!({ "extra_specs": visible_specs(&found, &context) })).into_response())
}

pub(crate) async fn show_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    let specs = visible_specs(&found, &context);
    let value = specs.get(&key).ok_or_else(|| {
        Error::not_found(format!("Volume Type {id} has no extra specs with key {key}."))
    })?;
    Ok(Json(json!({ key: value })).into_response())
}

pub(crate) async fn merge(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let entries = metadata_entries(body, "extra_specs")?;
    change(&app, &context, &id, MetadataChange::Merge(entries.clone())).await?;
    Ok(Json(json!({ "extra_specs": entries })).into_response())
}

pub(crate) async fn set_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
    Body(body): Body,
) -> Answer {
    let mut wrapped =
        Fields::of_body([("extra_specs".to_owned(), Value::Object(body))].into_iter().collect());
    let item: Metadata = wrapped.metadata("extra_specs")?.ok_or_else(|| required("extra_specs"))?;
    if item.len() != 1 || !item.contains_key(&key) {
        return Err(Error::bad_request("Request body and URI mismatch.").into());
    }
    change(&app, &context, &id, MetadataChange::Merge(item.clone())).await?;
    Ok(Json(item).into_response())
}

pub(crate) async fn remove_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    change(&app, &context, &id, MetadataChange::RemoveKey(key)).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn change(
    app: &App,
    context: &RequestContext,
    id: &str,
    extra_specs: MetadataChange,
) -> Answer<()> {
    let found = find(app, context, id).await?;
    let operation = UpdateExtraSpecs { volume_type_id: found.id, extra_specs };
    submit(app, context, operation).await?;
    Ok(())
}
