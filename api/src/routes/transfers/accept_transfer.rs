//! `POST /volume-transfers/{id}/accept`: submits `accept_transfer`.

use super::{find, key};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::snapshots;
use model::{Error, Result};
use operation::AcceptTransfer;
use serde_json::{Value, json};

pub(crate) async fn accept(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let mut accept = Fields::inside(body, "accept")?;
    let auth_key = auth_key(&mut accept)?;
    accept.refuse_rest()?;

    // whoever has the key may see it, whichever project it is of
    let transfer = find(&app, &id, None).await?;
    let key_hash = key::hash(&transfer.salt, &auth_key);
    // before the gate tells anything of the backend; the admission asks again. What is compared is a hash of what the caller could choose
    if key::kept(&key_hash) != transfer.crypt_hash {
        let message = format!("Invalid auth key: Attempt to transfer {id} with invalid auth key.");
        return Err(Error::bad_request(message).into());
    }
    let snapshots = if transfer.no_snapshots {
        Vec::new()
    } else {
        let found = snapshots::of_volume(&app.database, transfer.volume_id).await?;
        found.into_iter().map(|snapshot| snapshot.id).collect()
    };
    let operation = AcceptTransfer {
        transfer_id: transfer.id,
        volume_id: transfer.volume_id,
        snapshots,
        key_hash,
    };
    submit(&app, &context, operation).await?;
    let view = views::transfer::summary(&transfer, &context);
    Ok((StatusCode::ACCEPTED, Json(json!({ "transfer": view }))).into_response())
}

/// A key of digits alone may come as a number.
fn auth_key(accept: &mut Fields) -> Result<String> {
    match accept.value("auth_key") {
        None => Err(required("auth_key")),
        Some(Value::String(key)) => Ok(key),
        Some(Value::Number(key)) if key.is_i64() || key.is_u64() => Ok(key.to_string()),
        // what was sent in the place of a key is not repeated
        Some(_) => Err(invalid("auth_key", &json!("***"), "is not of type 'string', 'integer'")),
    }
}
