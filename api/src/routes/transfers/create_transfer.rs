//! `POST /volume-transfers`: submits `create_transfer`.

use super::find;
use super::key::NewKey;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, required};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::volumes;
use crate::submit::{subject_after, submit};
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::TransferId;
use operation::CreateTransfer;
use serde_json::json;

/// Since 3.55 snapshots may stay.
const NO_SNAPSHOTS_SINCE: u16 = 55;

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut transfer = Fields::inside(body, "transfer")?;
    let volume_id = transfer.uuid("volume_id")?.ok_or_else(|| required("volume_id"))?;
    let name = transfer.text("name")?.flatten();
    let no_snapshots = if context.version.0 >= NO_SNAPSHOTS_SINCE {
        transfer.boolean("no_snapshots")?.unwrap_or(false)
    } else {
        false
    };
    transfer.refuse_rest()?;

    let volume = volumes::find_to_use(&app, &context, &volume_id.to_string()).await?;
    context.require_for(Rule::TransferCreate, &volume.project_id, &volume.user_id)?;
    let NewKey { auth_key, salt, crypt_hash } = NewKey::generate()?;
    let transfer_id = TransferId::random();
    let (volume_id, project_id) = (volume.id, volume.project_id);
    let create =
        CreateTransfer { transfer_id, volume_id, project_id, name, no_snapshots, salt, crypt_hash };
    let submitted = submit(&app, &context, create).await?;
    let id = transfer_id.to_string();
    let scope = context.caller.project_scope();
    let transfer = subject_after(&app, submitted, || find(&app, &id, scope)).await?;
    let view = views::transfer::created(&transfer, &auth_key, &context);
    Ok((StatusCode::ACCEPTED, Json(json!({ "transfer": view }))).into_response())
}
