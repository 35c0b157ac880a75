//! `revert`: submits `revert_volume`.

use crate::action::VolumeAction;
use crate::fault::{Answer, Fault};
use crate::fields::required;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::snapshots;
use model::{Error, ErrorKind};
use operation::RevertVolume;

pub(super) async fn revert(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object("revert")?.ok_or_else(|| required("revert"))?;
    let asked = arguments.text("snapshot_id")?.flatten();
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let newest = snapshots::of_volume(&app.database, volume.id).await?.into_iter().next();
    let Some(newest) = newest else {
        let message = format!("Volume {} doesn't have any snapshots.", volume.id);
        return Err(Error::bad_request(message).into());
    };
    if asked.as_deref() != Some(newest.id.to_string().as_str()) {
        return Err(Error::bad_request(format!(
            "Specified snapshot {} is None or not the latest one of volume {}.",
            asked.as_deref().unwrap_or("None"),
            volume.id
        ))
        .into());
    }
    if volume.size_gb != newest.size_gb {
        return Err(Error::bad_request(format!(
            "Can't revert volume {} to its latest snapshot {}. The volume size must be equal to the \
             snapshot size.",
            volume.id, newest.id
        ))
        .into());
    }
    let operation = RevertVolume { volume_id: volume.id, snapshot_id: newest.id };
    submit(app, context, operation).await.map_err(conflict)?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Here alone a wrong status is a conflict to Cinder.
fn conflict(error: Error) -> Fault {
    let about_status = error.message().starts_with("Invalid ");
    match error.kind() {
        ErrorKind::BadRequest | ErrorKind::Busy if about_status => {
            Fault(Error::new(ErrorKind::Conflict, error.message()))
        }
        _ => Fault(error),
    }
}
