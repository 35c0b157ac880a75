//! `POST /backups/{id}/restore`: submits `restore_backup`, or, where no volume is named, `create_volume_from_backup`.

use super::find;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::volumes;
use crate::submit::submit;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::Backup;
use operation::RestoreBackup;
use serde_json::json;
use uuid::Uuid;

pub(crate) async fn restore(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "restore")?;
    let (volume_id, name) = (asked.uuid("volume_id")?, asked.text("name")?.flatten());
    asked.refuse_rest()?;
    let backup = find(&app, &context, &id).await?;
    let (volume_id, volume_name) = match volume_id {
        Some(volume) => onto(&app, &context, &backup, volume).await?,
        None => {
            context.require(Rule::VolumeCreate)?;
            let name = name.unwrap_or_else(|| format!("restore_backup_{}", backup.id));
            let volume =
                volumes::create_volume_from_backup::create(&app, &context, &backup, name.clone())
                    .await?;
            (volume.0, Some(name))
        }
    };
    let view = json!({ "restore": {
        "backup_id": backup.id, "volume_id": volume_id, "volume_name": volume_name,
    } });
    Ok((StatusCode::ACCEPTED, Json(view)).into_response())
}

/// Restores it to a volume that is there.
async fn onto(
    app: &App,
    context: &RequestContext,
    backup: &Backup,
    volume: Uuid,
) -> Answer<(Uuid, Option<String>)> {
    let volume = volumes::find_to_use(app, context, &volume.to_string()).await?;
    let operation =
        RestoreBackup { volume_id: volume.id, backup_id: backup.id, size_gb: backup.size_gb };
    submit(app, context, operation).await?;
    Ok((volume.id.0, volume.name))
}
