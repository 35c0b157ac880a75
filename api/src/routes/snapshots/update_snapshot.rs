//! `PUT /snapshots/{id}`: submits `update_snapshot`.

use super::{after, parse_id};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, invalid};
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use operation::UpdateSnapshot;
use serde_json::json;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let snapshot_id = parse_id(&id)?;
    let mut snapshot = Fields::inside(body, "snapshot")?;
    let operation = UpdateSnapshot {
        snapshot_id,
        name: snapshot.text_or("name", "display_name")?,
        description: snapshot.text_or("description", "display_description")?,
        metadata: None,
    };
    snapshot.refuse_rest()?;
    if operation.name.is_none() && operation.description.is_none() {
        return Err(invalid("snapshot", &json!({}), "does not have enough properties").into());
    }
    let submitted = submit(&app, &context, operation).await?;
    let snapshot = after(&app, &context, snapshot_id, submitted).await?;
    Ok(Json(json!({ "snapshot": views::snapshot::created(&snapshot, &context) })).into_response())
}
