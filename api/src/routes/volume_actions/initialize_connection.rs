//! `os-initialize_connection`: submits `initialize_connection`.

use super::reserve_volume::{mode_of, reserve_for};
use crate::action::VolumeAction;
use crate::app::App;
use crate::fault::{Answer, Fault};
use crate::fields::required;
use crate::routes::attachments::create_attachment::connector;
use crate::routes::attachments::{find, release_attachment};
use crate::routes::volumes;
use crate::submit::{read_after, submit_and_wait};
use crate::views;
use axum::Json;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{Attachment, AttachmentStatus, Error, Volume};
use operation::InitializeConnection;
use serde_json::{Map, Value, json};

const NAME: &str = "os-initialize_connection";

pub(super) async fn initialize(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let connector = connector(&mut arguments)?.ok_or_else(|| required("connector"))?;
    arguments.refuse_rest()?;
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let (attachment_id, mode, is_new) = match waiting(app, &volume, &connector).await? {
        Some(attachment) => (attachment.id, attachment.attach_mode, false),
        // without os-reserve before it, as Cinder allows
        None => {
            let mode = mode_of(&volume);
            (reserve_for(app, context, &volume, mode).await?, mode, true)
        }
    };
    let operation = InitializeConnection { attachment_id, volume_id: volume.id, connector, mode };
    if let Err(error) = submit_and_wait(app, context, operation).await {
        if is_new {
            release_attachment::release_failed_attachment(app, context, attachment_id, volume.id)
                .await;
        }
        return Err(Fault(error));
    }
    let id = attachment_id.to_string();
    let attachment = read_after(app, || find(app, context, &id)).await?;
    let info = attachment.connection_info.ok_or_else(|| {
        Error::unavailable("The data path was opened, and has been closed again meanwhile.")
    })?;
    let view = views::attachment::nested_connection_info(info);
    Ok(Json(json!({ "connection_info": view })).into_response())
}

/// What was reserved or attached by the volume's actions and has no data path yet, or has this one; of
/// several, that of this host, or the one that was reserved.
async fn waiting(
    app: &App,
    volume: &Volume,
    connector: &Map<String, Value>,
) -> Answer<Option<Attachment>> {
    let host = connector.get("host").and_then(Value::as_str);
    let all = of_volume(&app.database, volume.id).await?.into_iter();
    let mut through_actions: Vec<_> = all.filter(|attachment| attachment.through_actions).collect();
    let is_of_host = |attachment: &Attachment| {
        host.is_some()
            && (connected_host(attachment) == host || attachment.host_name.as_deref() == host)
    };
    if let Some(position) = through_actions.iter().position(is_of_host) {
        return Ok(Some(through_actions.swap_remove(position)));
    }
    through_actions.retain(|attachment| attachment.connector.is_none());
    let is_reserved = |one: &Attachment| one.status == AttachmentStatus::Attaching;
    let reserved = through_actions.iter().position(is_reserved).unwrap_or(0);
    Ok(through_actions.into_iter().nth(reserved))
}

/// The host that an attachment's data path was opened for.
pub(super) fn connected_host(attachment: &Attachment) -> Option<&str> {
    attachment.connector.as_ref()?.get("host")?.as_str()
}
