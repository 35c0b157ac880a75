//! `os-begin_detaching`: submits `begin_detaching`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{AttachmentStatus, Error};
use operation::BeginDetaching;

pub(super) async fn begin(action: VolumeAction<'_>) -> Answer {
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let mut attachments = of_volume(&app.database, volume.id).await?;
    attachments.retain(|attachment| attachment.status == AttachmentStatus::Attached);
    match attachments.as_slice() {
        [] => {
            return Err(Error::bad_request(
                "Invalid volume: Unable to detach volume. Volume status must be 'in-use' and attach_status \
                 must be 'attached' to detach.",
            )
            .into());
        }
        [attached] => {
            let operation = BeginDetaching { attachment_id: attached.id, volume_id: volume.id };
            submit(app, context, operation).await?;
        }
        // which of them leaves is known when its attachment is closed; the volume stays in use by the others
        [_, _, ..] => {}
    }
    Ok(StatusCode::ACCEPTED.into_response())
}
