//! `os-reset_status`: submits `reset_volume_status`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::{Fields, invalid, required};
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{MigrationStatus, Result, VolumeStatus};
use operation::ResetVolumeStatus;
use serde_json::json;

const NAME: &str = "os-reset_status";

pub(super) async fn reset(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let status = status(&mut arguments)?;
    let attach_status = attach_status(&mut arguments)?;
    let migration_status = migration_status(&mut arguments)?;
    arguments.refuse_rest()?;
    if status.is_none() && attach_status.is_none() && migration_status.is_none() {
        return Err(required("status").into());
    }
    let operation = ResetVolumeStatus {
        volume_id: action.id,
        status,
        detached: attach_status == Some(false),
        migration_status,
    };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A status that Cinder's clients offer. What only a running operation shows is a record like any other where none runs; changes
/// of the volume do not begin from it. Nothing is ever deleting because somebody says so.
fn status(arguments: &mut Fields) -> Result<Option<VolumeStatus>> {
    let Some(text) = arguments.text("status")?.flatten() else { return Ok(None) };
    let refused = || invalid("status", &json!(text), "is no status that can be set");
    match text.to_lowercase().parse().map_err(|_| refused())? {
        status @ (VolumeStatus::Available
        | VolumeStatus::InUse
        | VolumeStatus::Creating
        | VolumeStatus::Attaching
        | VolumeStatus::Detaching
        | VolumeStatus::Maintenance
        | VolumeStatus::Error
        | VolumeStatus::ErrorExtending
        | VolumeStatus::ErrorManaging
        | VolumeStatus::ErrorRestoring
        | VolumeStatus::ErrorUnmanaging
        | VolumeStatus::ErrorDeleting) => Ok(Some(status)),
        VolumeStatus::AwaitingTransfer
        | VolumeStatus::Extending
        | VolumeStatus::Reverting
        | VolumeStatus::Downloading
        | VolumeStatus::Uploading
        | VolumeStatus::BackingUp
        | VolumeStatus::RestoringBackup
        | VolumeStatus::Retyping
        | VolumeStatus::Managing
        | VolumeStatus::Unmanaging
        | VolumeStatus::Deleting
        | VolumeStatus::Deleted
        | VolumeStatus::Reserved => Err(refused()),
    }
}

/// Whether servers are attached, which cinderblock knows from the attachments.
fn attach_status(arguments: &mut Fields) -> Result<Option<bool>> {
    match arguments.text("attach_status")?.flatten().as_deref() {
        None => Ok(None),
        Some("attached") => Ok(Some(true)),
        Some("detached") => Ok(Some(false)),
        Some(other) => Err(invalid(
            "attach_status",
            &json!(other),
            "is not one of ['attached', 'detached']; attachments are changed one by one",
        )),
    }
}

/// The progress of a migration that the volume shows from now on; `Some(None)` for none.
fn migration_status(arguments: &mut Fields) -> Result<Option<Option<MigrationStatus>>> {
    let Some(asked) = arguments.text("migration_status")? else { return Ok(None) };
    let Some(text) = asked.filter(|text| text != "none") else { return Ok(Some(None)) };
    let unknown = |_| {
        let known =
            "is not one of ['migrating', 'error', 'success', 'completing', 'none', 'starting']";
        invalid("migration_status", &json!(text), known)
    };
    text.parse().map(|status| Some(Some(status))).map_err(unknown)
}
