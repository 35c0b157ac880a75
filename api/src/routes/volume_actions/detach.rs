//! `os-detach` and `os-force_detach`: an attachment ends, and with it its data path.

use crate::action::VolumeAction;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::routes::attachments::delete_attachment::close;
use crate::routes::attachments::used_by_nova;
use crate::routes::volumes;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{Attachment, AttachmentStatus, Error, Result};
use uuid::Uuid;

pub(super) async fn detach(action: VolumeAction<'_>) -> Answer {
    end(action, "os-detach").await
}

pub(super) async fn force_detach(action: VolumeAction<'_>) -> Answer {
    end(action, "os-force_detach").await
}

async fn end(mut action: VolumeAction<'_>, name: &'static str) -> Answer {
    // clients that name no attachment may send null
    let named = match action.body.object(name)? {
        Some(arguments) => attachment(arguments)?,
        None => None,
    };
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    // Cinder accepts it where nobody is attached, too
    if let Some(attachment) = meant(of_volume(&app.database, volume.id).await?, named)? {
        used_by_nova::refuse(app, context, &attachment).await?;
        close(app, context, &attachment).await?;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

fn attachment(mut arguments: Fields) -> Result<Option<Uuid>> {
    let named = arguments.uuid("attachment_id")?;
    // the data path is closed whichever host it was opened for
    arguments.value("connector");
    arguments.refuse_rest()?;
    Ok(named)
}

/// The attachment that is named, or the only one. One that a server has not come to is given up by
/// `os-unreserve`.
fn meant(all: Vec<Attachment>, named: Option<Uuid>) -> Result<Option<Attachment>> {
    match named {
        Some(id) => Ok(all.into_iter().find(|attachment| attachment.id.0 == id)),
        None => only(all.into_iter().filter(|one| !is_reservation(one)).collect()),
    }
}

const fn is_reservation(attachment: &Attachment) -> bool {
    match attachment.status {
        AttachmentStatus::Reserved | AttachmentStatus::Attaching => true,
        AttachmentStatus::Attached
        | AttachmentStatus::Detaching
        | AttachmentStatus::ErrorDetaching
        | AttachmentStatus::Detached => false,
    }
}

/// The only attachment; where there are several, one must be named.
fn only(mut attachments: Vec<Attachment>) -> Result<Option<Attachment>> {
    if attachments.len() > 1 {
        return Err(Error::bad_request(
            "Invalid volume: Detach volume failed: More than one attachment, but no attachment_id provided.",
        ));
    }
    Ok(attachments.pop())
}
