//! `os-attach`: submits `attach_volume`.

use super::reserve_volume::{mode_of, reservation, reserve_for};
use crate::action::VolumeAction;
use crate::app::App;
use crate::fault::{Answer, Fault};
use crate::fields::required;
use crate::request::RequestContext;
use crate::routes::attachments::create_attachment::parse_mode;
use crate::routes::attachments::release_attachment;
use crate::routes::volumes;
use crate::submit::submit;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{AttachMode, Attachment, AttachmentStatus, Error, Volume, VolumeId};
use operation::AttachVolume;
use uuid::Uuid;

pub(super) async fn attach(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object("os-attach")?.ok_or_else(|| required("os-attach"))?;
    let instance_id = arguments.uuid("instance_uuid")?;
    let host_name = arguments.text("host_name")?.flatten();
    let mountpoint =
        arguments.text("mountpoint")?.flatten().ok_or_else(|| required("mountpoint"))?;
    let asked_mode = arguments.value("mode");
    arguments.refuse_rest()?;
    if instance_id.is_none() && host_name.is_none() {
        return Err(Error::bad_request(
            "Invalid request to attach volume to an invalid target: name an instance_uuid or a host_name.",
        )
        .into());
    }
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let mode = match asked_mode {
        Some(asked) => parse_mode(Some(&asked))?,
        None => mode_of(&volume),
    };
    attach_to(app, context, &volume, Server { instance_id, host_name, mountpoint }, mode).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// What a volume is attached to, and where it is there.
pub(super) struct Server {
    pub instance_id: Option<Uuid>,
    pub host_name: Option<String>,
    pub mountpoint: String,
}

/// Attaches the volume, unless the server has it already.
pub(super) async fn attach_to(
    app: &App,
    context: &RequestContext,
    volume: &Volume,
    server: Server,
    mode: AttachMode,
) -> Answer<()> {
    let Server { instance_id, host_name, mountpoint } = server;
    if is_attached(app, volume.id, instance_id, host_name.as_deref()).await? {
        return Ok(());
    }
    let (attachment_id, is_new) = match reservation(app, volume).await? {
        Some(reservation) => (reservation.id, false),
        // without os-reserve before it, as Cinder allows
        None => (reserve_for(app, context, volume, mode).await?, true),
    };
    let operation = AttachVolume {
        attachment_id,
        volume_id: volume.id,
        instance_id,
        host_name,
        mountpoint,
        mode,
    };
    if let Err(error) = submit(app, context, operation).await {
        if is_new {
            release_attachment::release_failed_attachment(app, context, attachment_id, volume.id)
                .await;
        }
        return Err(Fault(error));
    }
    Ok(())
}

/// Whether this server has the volume already.
async fn is_attached(
    app: &App,
    volume_id: VolumeId,
    instance_id: Option<Uuid>,
    host_name: Option<&str>,
) -> Answer<bool> {
    let is_this = |attachment: &Attachment| {
        attachment.status == AttachmentStatus::Attached
            && match instance_id {
                Some(_) => attachment.instance_id == instance_id,
                None => attachment.host_name.as_deref() == host_name,
            }
    };
    Ok(of_volume(&app.database, volume_id).await?.iter().any(is_this))
}
