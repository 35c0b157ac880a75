//! `DELETE /volumes/{id}`: submits `delete_volume` or `force_delete_volume`.

use super::{find, parse_id};
use crate::app::App;
use crate::fault::Answer;
use crate::paging::Parameters;
use crate::policy::{self, Object, Rule};
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::snapshots;
use model::SnapshotId;
use operation::{DeleteVolume, ForceDeleteVolume};

/// Since 3.23 `force=true` removes a volume whatever its status.
const FORCE_SINCE: u16 = 23;

const FORCED: [Rule; 2] = [Rule::VolumeForceDelete, Rule::VolumeDelete];

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let volume_id = parse_id(&id)?;
    let mut parameters = Parameters::parse(query.as_deref())?;
    let force = context.version.0 >= FORCE_SINCE && parameters.flag("force")?;
    let cascade = parameters.flag("cascade")?;
    let rules: &[_] = if force { &FORCED } else { &[Rule::VolumeDelete] };
    policy::authorize(&app, &context.caller, rules, Object::Volume(&id)).await?;
    let snapshots = if cascade { snapshots_of(&app, &context, &id).await? } else { Vec::new() };
    if force {
        submit(&app, &context, ForceDeleteVolume { volume_id, snapshots }).await?;
    } else {
        submit(&app, &context, DeleteVolume { volume_id, snapshots }).await?;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The snapshots that go with the volume; should there be one more by the time of the admission, the
/// volume stays.
async fn snapshots_of(app: &App, context: &RequestContext, id: &str) -> Answer<Vec<SnapshotId>> {
    let volume = find(app, context, id).await?;
    let snapshots = snapshots::of_volume(&app.database, volume.id).await?;
    Ok(snapshots.into_iter().map(|snapshot| snapshot.id).collect())
}
