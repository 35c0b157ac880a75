//! `/types/{id}/encryption`: read, or `update_type_encryption`, asked. A type has one encryption at most, so
//! the id that clients give is not looked at.

use super::find;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views::volume_type;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::volume_type::Encryption;
use model::{Error, Result, VolumeTypeId};
use operation::UpdateTypeEncryption;
use serde_json::{Value, json};
use uuid::Uuid;

const LOCATIONS: [&str; 2] = ["front-end", "back-end"];

pub(crate) async fn show(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    Ok(Json(volume_type::encryption(&found)).into_response())
}

pub(crate) async fn show_item(
    State(app): State<App>,
    context: RequestContext,
    Path((id, key)): Path<(String, String)>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    let shown = volume_type::encryption(&found);
    let value = shown.get(&key).ok_or_else(|| {
        Error::not_found(format!("Volume type encryption for type {id} does not exist."))
    })?;
    Ok(Json(json!({ key: value })).into_response())
}

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "encryption")?;
    let encryption = Encryption {
        encryption_id: Uuid::new_v4(),
        provider: asked.required_text("provider")?,
        control_location: location(&mut asked)?.unwrap_or_else(|| LOCATIONS[0].to_owned()),
        cipher: asked.text("cipher")?.flatten(),
        key_size: asked.positive("key_size")?,
    };
    asked.refuse_rest()?;
    let found = find(&app, &context, &id).await?;
    set(&app, &context, found.id, false, Some(encryption.clone())).await?;
    let mut answer = json!({ "encryption": encryption });
    answer["encryption"]["volume_type_id"] = json!(found.id);
    Ok(Json(answer).into_response())
}

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path((id, _)): Path<(String, String)>,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body.clone(), "encryption")?;
    let found = find(&app, &context, &id).await?;
    let known = found.encryption.ok_or_else(|| {
        Error::not_found(format!("Volume type encryption for type {id} does not exist."))
    })?;
    let encryption = Encryption {
        encryption_id: known.encryption_id,
        provider: asked.text("provider")?.flatten().unwrap_or(known.provider),
        control_location: location(&mut asked)?.unwrap_or(known.control_location),
        cipher: asked.text("cipher")?.unwrap_or(known.cipher),
        key_size: asked.positive("key_size")?.or(known.key_size),
    };
    asked.refuse_rest()?;
    set(&app, &context, found.id, true, Some(encryption)).await?;
    Ok(Json(Value::Object(body)).into_response())
}

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path((id, _)): Path<(String, String)>,
) -> Answer {
    let found = find(&app, &context, &id).await?;
    set(&app, &context, found.id, true, None).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

fn location(asked: &mut Fields) -> Result<Option<String>> {
    let Some(text) = asked.text("control_location")?.flatten() else { return Ok(None) };
    if !LOCATIONS.contains(&text.as_str()) {
        let complaint = "is not one of ['front-end', 'back-end']";
        return Err(invalid("control_location", &json!(text), complaint));
    }
    Ok(Some(text))
}

async fn set(
    app: &App,
    context: &RequestContext,
    volume_type_id: VolumeTypeId,
    is_there: bool,
    encryption: Option<Encryption>,
) -> Result<()> {
    let operation = UpdateTypeEncryption { volume_type_id, is_there, encryption };
    submit(app, context, operation).await.map(drop)
}
