//! `os-reserve`: submits `reserve_volume`; and `os-unreserve`, which gives up what it made.

use crate::action::VolumeAction;
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::routes::{attachments, volumes};
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{AttachMode, Attachment, AttachmentId, AttachmentStatus, Volume};
use operation::ReserveVolume;

pub(super) async fn reserve(action: VolumeAction<'_>) -> Answer {
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    reserve_for(app, context, &volume, mode_of(&volume)).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Cinder accepts it where nothing is reserved, too.
pub(super) async fn unreserve(action: VolumeAction<'_>) -> Answer {
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    if let Some(reservation) = reservation(app, &volume).await? {
        attachments::delete_attachment::close(app, context, &reservation).await?;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// Keeps the volume for a server that is not named yet.
pub(super) async fn reserve_for(
    app: &App,
    context: &RequestContext,
    volume: &Volume,
    mode: AttachMode,
) -> Answer<AttachmentId> {
    let attachment_id = AttachmentId::random();
    let (volume_id, project_id) = (volume.id, volume.project_id.clone());
    submit(app, context, ReserveVolume { attachment_id, volume_id, project_id, mode }).await?;
    Ok(attachment_id)
}

/// What the volume was reserved for, if it is: there is one at a time.
pub(super) async fn reservation(app: &App, volume: &Volume) -> Answer<Option<Attachment>> {
    let all = of_volume(&app.database, volume.id).await?;
    Ok(all.into_iter().find(|attachment| {
        attachment.through_actions && attachment.status == AttachmentStatus::Attaching
    }))
}

/// What a server may do with the volume when nothing else is asked for.
pub(super) const fn mode_of(volume: &Volume) -> AttachMode {
    match volume.readonly {
        Some(true) => AttachMode::ReadOnly,
        Some(false) | None => AttachMode::ReadWrite,
    }
}
