//! `POST /manageable_snapshots`: submits `manage_snapshot`.

use super::{backend, reference, referenced};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, required};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::{snapshots, volumes};
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, Manageable, SnapshotId};
use operation::ManageSnapshot;
use serde_json::json;

pub(crate) async fn manage(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "snapshot")?;
    let volume_id = asked.uuid("volume_id")?.ok_or_else(|| required("volume_id"))?;
    let source_name = reference(&mut asked)?;
    let (name, description) = (asked.text("name")?.flatten(), asked.text("description")?.flatten());
    let metadata = asked.metadata("metadata")?.unwrap_or_default();
    asked.refuse_rest()?;

    let volume = volumes::find_to_use(&app, &context, &volume_id.to_string()).await?;
    context.require_for(Rule::SnapshotManage, &volume.project_id, &volume.user_id)?;
    let backend = backend(&app, &volume.backend_name).await?;
    let object = referenced(&app, &context, &backend, Manageable::Snapshots, &source_name).await?;
    if object.size_gb > volume.size_gb {
        return Err(Error::bad_request(format!(
            "Invalid input received: {source_name} has {} GiB, and the volume {}.",
            object.size_gb, volume.size_gb
        ))
        .into());
    }
    let snapshot_id = SnapshotId::random();
    let operation = ManageSnapshot {
        snapshot_id,
        volume_id: volume.id,
        volume_type_id: volume.volume_type_id,
        source_name,
        size_gb: object.size_gb,
        name,
        description,
        metadata,
    };
    submit(&app, &context, operation).await?;
    let snapshot = snapshots::find(&app, &context, &snapshot_id.to_string()).await?;
    let view = json!({ "snapshot": views::snapshot::created(&snapshot, &context) });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}
