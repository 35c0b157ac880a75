//! `POST /backups`: submits `create_backup`.

use super::after;
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
use database::backups;
use model::{Backup, BackupId, Error, Snapshot, Volume};
use operation::CreateBackup;
use serde_json::json;
use time::format_description::well_known::Rfc3339;

/// Since 3.43 backups have metadata.
const METADATA_SINCE: u16 = 43;
/// Since 3.51 the zone of the service can be chosen.
const ZONE_SINCE: u16 = 51;

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let version = context.version.0;
    let mut backup = Fields::inside(body, "backup")?;
    let volume_id = backup.uuid("volume_id")?.ok_or_else(|| required("volume_id"))?;
    let snapshot_id = backup.uuid("snapshot_id")?;
    let name = backup.text("name")?.flatten();
    let description = backup.text("description")?.flatten();
    let container = backup.text("container")?.flatten().filter(|name| !name.is_empty());
    let is_incremental = backup.boolean("incremental")?.unwrap_or(false);
    let while_attached = backup.boolean("force")?.unwrap_or(false);
    let metadata = if version >= METADATA_SINCE { backup.metadata("metadata")? } else { None };
    let availability_zone =
        if version >= ZONE_SINCE { backup.text("availability_zone")?.flatten() } else { None };
    backup.refuse_rest()?;
    if let Some(container) = &container {
        require_plain(container)?;
    }

    let volume = volumes::find_to_use(&app, &context, &volume_id.to_string()).await?;
    context.require_for(Rule::BackupCreate, &volume.project_id, &volume.user_id)?;
    let snapshot = match snapshot_id {
        Some(id) => Some(snapshot_of(&app, &context, &volume, &id.to_string()).await?),
        None => None,
    };
    let parent = if is_incremental {
        Some(parent(&app, &context, &volume, snapshot.as_ref()).await?)
    } else {
        None
    };
    let backup_id = BackupId::random();
    let operation = CreateBackup {
        backup_id,
        volume_id: volume.id,
        snapshot_id: snapshot.as_ref().map(|snapshot| snapshot.id),
        parent_id: parent.map(|parent| parent.id),
        size_gb: snapshot.as_ref().map_or(volume.size_gb, |snapshot| snapshot.size_gb),
        name,
        description,
        container,
        availability_zone,
        metadata: metadata.unwrap_or_default(),
        snapshot_time: match &snapshot {
            Some(snapshot) => Some(snapshot.created_at.format(&Rfc3339).map_err(Error::internal)?),
            None => None,
        },
        while_attached,
    };
    let submitted = submit(&app, &context, operation).await?;
    let backup = after(&app, &context, backup_id, submitted).await?;
    let view = json!({ "backup": views::backup::summary(&backup, &context) });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

async fn snapshot_of(
    app: &App,
    context: &RequestContext,
    volume: &Volume,
    id: &str,
) -> Answer<Snapshot> {
    let snapshot = snapshots::find(app, context, id).await?;
    context.require_for(Rule::SnapshotGet, &snapshot.project_id, &snapshot.user_id)?;
    if snapshot.volume_id == volume.id {
        return Ok(snapshot);
    }
    Err(Error::bad_request(format!(
        "Invalid snapshot: Snapshot {id} is not one of volume {}.",
        volume.id
    ))
    .into())
}

/// The backup from which an incremental one is to differ: the newest one before the snapshot.
async fn parent(
    app: &App,
    context: &RequestContext,
    volume: &Volume,
    snapshot: Option<&Snapshot>,
) -> Answer<Backup> {
    let as_of = snapshot.map(|snapshot| snapshot.created_at);
    let project = &context.caller.project_id;
    let found = backups::newest_before(&app.database, volume.id, project, as_of).await?;
    Ok(found.ok_or_else(|| {
        Error::bad_request("Invalid backup: No backups available to do an incremental backup.")
    })?)
}

/// A container is part of paths: it must not lead elsewhere.
fn require_plain(container: &str) -> Answer<()> {
    let leads_elsewhere = container.contains('/') || container == "." || container == "..";
    if !leads_elsewhere {
        return Ok(());
    }
    let complaint = "is no name of a container";
    Err(crate::fields::invalid("container", &json!(container), complaint).into())
}
