//! `/snapshots/{id}/metadata` and `/snapshots/{id}/metadata/{key}`: submits `update_snapshot` for
//! metadata. Unlike those of volumes, they have no entity tags.

use super::{after, find};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{metadata_entries, metadata_item};
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, Snapshot};
use operation::UpdateSnapshot;
use operation::change::MetadataChange;
use serde_json::json;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let snapshot = find(&app, &context, &id).await?;
    Ok(Json(json!({ "metadata": snapshot.metadata })).into_response())
}

pub(crate) async fn merge(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let entries = metadata_entries(body, "metadata")?;
    let snapshot = change(&app, &context, &id, MetadataChange::Merge(entries)).await?;
    Ok(Json(json!({ "metadata": snapshot.metadata })).into_response())
}

pub(crate) async fn replace(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let entries = metadata_entries(body, "metadata")?;
    let snapshot = change(&app, &context, &id, MetadataChange::Replace(entries)).await?;
    Ok(Json(json!({ "metadata": snapshot.metadata })).into_response())
}

pub(crate) async fn show_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let snapshot = find(&app, &context, &id).await?;
    let value = snapshot.metadata.get(&key).ok_or_else(|| {
        Error::not_found(format!("Snapshot {id} has no metadata with key {key}."))
    })?;
    Ok(Json(json!({ "meta": { key: value } })).into_response())
}

pub(crate) async fn set_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
    Body(body): Body,
) -> Answer {
    let item = metadata_item(body, &key)?;
    change(&app, &context, &id, MetadataChange::Merge(item.clone())).await?;
    Ok(Json(json!({ "meta": item })).into_response())
}

pub(crate) async fn remove_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    change(&app, &context, &id, MetadataChange::RemoveKey(key)).await?;
    Ok(StatusCode::OK.into_response())
}

async fn change(
    app: &App,
    context: &RequestContext,
    id: &str,
    change: MetadataChange,
) -> Answer<Snapshot> {
    let snapshot_id = super::parse_id(id)?;
    let operation =
        UpdateSnapshot { snapshot_id, name: None, description: None, metadata: Some(change) };
    let submitted = submit(app, context, operation).await?;
    after(app, context, snapshot_id, submitted).await
}
