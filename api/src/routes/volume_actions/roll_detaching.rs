//! `os-roll_detaching`: submits `roll_detaching`.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::AttachmentStatus;
use operation::RollDetaching;

/// Cinder accepts it where nobody is detaching, too.
pub(super) async fn roll(action: VolumeAction<'_>) -> Answer {
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    for attachment in of_volume(&app.database, volume.id).await? {
        if attachment.status == AttachmentStatus::Detaching {
            let operation = RollDetaching { attachment_id: attachment.id, volume_id: volume.id };
            submit(app, context, operation).await?;
        }
    }
    Ok(StatusCode::ACCEPTED.into_response())
}
