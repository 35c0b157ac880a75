//! `PUT /volumes/{id}`: submits `update_volume`.

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
use operation::UpdateVolume;
use operation::change::MetadataChange;
use serde_json::json;

/// Since 3.53 an update must change something.
const SOMETHING_SINCE: u16 = 53;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let volume_id = parse_id(&id)?;
    let mut volume = Fields::inside(body, "volume")?;
    let operation = UpdateVolume {
        volume_id,
        name: volume.text_or("name", "display_name")?,
        description: volume.text_or("description", "display_description")?,
        metadata: volume.metadata("metadata")?.map(MetadataChange::Replace),
        metadata_seen: None,
    };
    volume.refuse_rest()?;
    let changes_nothing =
        operation.name.is_none() && operation.description.is_none() && operation.metadata.is_none();
    if changes_nothing && context.version.0 >= SOMETHING_SINCE {
        return Err(invalid("volume", &json!({}), "does not have enough properties").into());
    }
    let submitted = submit(&app, &context, operation).await?;
    let volume = after(&app, &context, volume_id, submitted).await?;
    Ok(Json(json!({ "volume": views::volume::created(&volume, &context) })).into_response())
}
