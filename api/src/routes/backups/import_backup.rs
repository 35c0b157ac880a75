//! `POST /backups/import_record`: submits `import_backup`.

use super::after;
use super::record::Record;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::request::RequestContext;
use crate::submit::submit;
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::backups;
use model::Error;
use operation::ImportBackup;
use serde_json::json;

pub(crate) async fn import(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    let mut asked = Fields::inside(body, "backup-record")?;
    // there is one store, whatever the driver was called that has made it
    asked.required_text("backup_service")?;
    let record = Record::read(&asked.required_long_text("backup_url")?)?;
    asked.refuse_rest()?;
    let backup_id = record.id;
    if backups::is_known(&app.database, backup_id).await? {
        return Err(Error::bad_request(format!(
            "Invalid backup: Backup {backup_id} is known already."
        ))
        .into());
    }
    let operation = ImportBackup {
        backup_id,
        volume_id: record.volume(),
        snapshot_id: record.snapshot_id,
        parent_id: record.parent_id,
        size_gb: record.size,
        data_timestamp: record.data_time(),
        name: record.display_name,
        description: record.display_description,
        container: record.container,
        service_metadata: record.service_metadata,
        object_count: record.object_count,
        metadata: record.metadata.unwrap_or_default(),
    };
    let submitted = submit(&app, &context, operation).await?;
    let backup = after(&app, &context, backup_id, submitted).await?;
    let view = json!({ "backup": views::backup::summary(&backup, &context) });
    Ok((StatusCode::CREATED, Json(view)).into_response())
}
