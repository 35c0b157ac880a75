//! `GET /volumes/{id}/encryption` and `…/encryption/{key}`: Nova asks before it attaches.

use super::find;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use model::Error;
use serde_json::{Value, json};

/// No volume is encrypted, and none is made of a type that asks for it.
const KEY: &str = "encryption_key_id";

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    find(&app, &context, &id).await?;
    Ok(Json(json!({ KEY: null })).into_response())
}

pub(crate) async fn show_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    find(&app, &context, &id).await?;
    if key != KEY {
        return Err(Error::not_found(format!("The volume has no encryption {key}.")).into());
    }
    Ok(Json(Value::Null).into_response())
}
