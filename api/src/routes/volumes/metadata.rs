//! `/volumes/{id}/metadata` and `/volumes/{id}/metadata/{key}`: submits `update_volume` for metadata.

use super::{after, find};
use crate::app::App;
use crate::body::Body;
use crate::etag;
use crate::fault::Answer;
use crate::fields::{metadata_entries, metadata_item};
use crate::request::RequestContext;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use model::{Error, Result, Volume};
use operation::UpdateVolume;
use operation::change::MetadataChange;
use serde_json::json;

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    let mut response = Json(json!({ "metadata": volume.metadata })).into_response();
    if context.version.0 >= etag::SINCE
        && let Some(tag) = etag::of(&volume.metadata)
    {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

pub(crate) async fn merge(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    let entries = metadata_entries(body, "metadata")?;
    let volume = change(&app, &context, &volume, MetadataChange::Merge(entries), false).await?;
    Ok(Json(json!({ "metadata": volume.metadata })).into_response())
}

pub(crate) async fn replace(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    let entries = metadata_entries(body, "metadata")?;
    let seen = was_seen(&context, &headers, &volume)?;
    let volume = change(&app, &context, &volume, MetadataChange::Replace(entries), seen).await?;
    Ok(Json(json!({ "metadata": volume.metadata })).into_response())
}

pub(crate) async fn show_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    let value = volume
        .metadata
        .get(&key)
        .ok_or_else(|| Error::not_found(format!("Volume {id} has no metadata with key {key}.")))?;
    Ok(Json(json!({ "meta": { key: value } })).into_response())
}

pub(crate) async fn set_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    let item = metadata_item(body, &key)?;
    let seen = was_seen(&context, &headers, &volume)?;
    change(&app, &context, &volume, MetadataChange::Merge(item.clone()), seen).await?;
    Ok(Json(json!({ "meta": item })).into_response())
}

pub(crate) async fn remove_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let volume = find(&app, &context, &id).await?;
    change(&app, &context, &volume, MetadataChange::RemoveKey(key), false).await?;
    Ok(StatusCode::OK.into_response())
}

fn was_seen(context: &RequestContext, headers: &HeaderMap, volume: &Volume) -> Result<bool> {
    if context.version.0 < etag::SINCE {
        Ok(false)
    } else {
        etag::matches(headers, &volume.metadata)
    }
}

/// `only_as_seen`: the metadata must still be what `volume` shows.
async fn change(
    app: &App,
    context: &RequestContext,
    volume: &Volume,
    change: MetadataChange,
    only_as_seen: bool,
) -> Answer<Volume> {
    let operation = UpdateVolume {
        volume_id: volume.id,
        name: None,
        description: None,
        metadata: Some(change),
        metadata_seen: only_as_seen.then(|| volume.metadata.clone()),
    };
    let submitted = submit(app, context, operation).await?;
    after(app, context, volume.id, submitted).await
}
