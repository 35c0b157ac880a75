//! `os-update_snapshot_status`: submits `reset_snapshot_status`, for what made or removes a snapshot outside of cinderblock.

use crate::action::SnapshotAction;
use crate::fault::Answer;
use crate::fields::required;
use crate::routes::snapshots;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::{Error, SnapshotStatus};
use operation::ResetSnapshotStatus;

const NAME: &str = "os-update_snapshot_status";

pub(super) async fn update(mut action: SnapshotAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let asked = arguments.required_text("status")?;
    let progress = arguments.text("progress")?.flatten();
    arguments.refuse_rest()?;
    let snapshot = snapshots::find(action.app, action.context, &action.id.to_string()).await?;
    let current = snapshot.status;
    let allowed = next(current);
    if allowed.is_empty() {
        return Err(Error::bad_request(format!(
            "Snapshot status {current} not allowed for update_snapshot_status"
        ))
        .into());
    }
    let Some(status) = allowed.iter().copied().find(|status| status.as_str() == asked) else {
        return Err(Error::bad_request(format!(
            "Provided snapshot status {asked} not allowed for snapshot with status {current}."
        ))
        .into());
    };
    let seen = Some(current);
    let operation = ResetSnapshotStatus { snapshot_id: action.id, status, progress, seen };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// What may follow a status, as Cinder has it.
const fn next(current: SnapshotStatus) -> &'static [SnapshotStatus] {
    match current {
        SnapshotStatus::Creating => {
            &[SnapshotStatus::Creating, SnapshotStatus::Available, SnapshotStatus::Error]
        }
        SnapshotStatus::Deleting => &[SnapshotStatus::Deleting, SnapshotStatus::ErrorDeleting],
        SnapshotStatus::Available
        | SnapshotStatus::Restoring
        | SnapshotStatus::BackingUp
        | SnapshotStatus::Unmanaging
        | SnapshotStatus::Deleted
        | SnapshotStatus::Error
        | SnapshotStatus::ErrorDeleting => &[],
    }
}
