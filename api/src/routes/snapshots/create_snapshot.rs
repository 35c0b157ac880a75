//! `POST /snapshots`: submits `create_snapshot`.

use super::after;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::volumes;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, Result, SnapshotId};
use operation::CreateSnapshot;
use serde_json::{Value, json};
use uuid::Uuid;

/// Since 3.66 an attached volume needs no `force`, and refusing it is refused.
const FORCE_IS_DEFAULT_SINCE: u16 = 66;

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut snapshot = Fields::inside(body, "snapshot")?;
    let volume_id = volume_id(&mut snapshot)?;
    let while_attached = while_attached(&mut snapshot, context.version.0)?;
    let name = snapshot.text_or("name", "display_name")?.flatten();
    let description = snapshot.text_or("description", "display_description")?.flatten();
    let metadata = snapshot.metadata("metadata")?.unwrap_or_default();
    snapshot.refuse_rest()?;

    let volume = volumes::find_to_use(&app, &context, &volume_id.to_string()).await?;
    context.require_for(Rule::SnapshotCreate, &volume.project_id, &volume.user_id)?;
    let snapshot_id = SnapshotId::random();
    let operation = CreateSnapshot {
        snapshot_id,
        volume_id: volume.id,
        volume_type_id: volume.volume_type_id,
        size_gb: volume.size_gb,
        name,
        description,
        metadata,
        while_attached,
    };
    let submitted = submit(&app, &context, operation).await?;
    let snapshot = after(&app, &context, snapshot_id, submitted).await?;
    let view = json!({ "snapshot": views::snapshot::created(&snapshot, &context) });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// Cinder looks for the volume that null names, and does not find it.
fn volume_id(snapshot: &mut Fields) -> Result<Uuid> {
    match snapshot.value("volume_id") {
        None => Err(required("volume_id")),
        Some(Value::Null) => Err(Error::not_found("Volume None could not be found.")),
        Some(value) => {
            let id = value.as_str().and_then(|text| Uuid::try_parse(text).ok());
            id.ok_or_else(|| invalid("volume_id", &value, "is not a 'uuid'"))
        }
    }
}

fn while_attached(snapshot: &mut Fields, version: u16) -> Result<bool> {
    let force = snapshot.boolean("force")?;
    if version < FORCE_IS_DEFAULT_SINCE {
        return Ok(force.unwrap_or(false));
    }
    match force {
        Some(false) => Err(invalid("force", &json!(false), "is not allowed since 3.66")),
        Some(true) | None => Ok(true),
    }
}
