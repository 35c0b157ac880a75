//! `os-terminate_connection`: submits `terminate_connection`; where the server never came, what was
//! reserved for it goes too.

use super::initialize_connection::connected_host;
use crate::action::VolumeAction;
use crate::app::App;
use crate::fault::Answer;
use crate::fields::required;
use crate::request::RequestContext;
use crate::routes::attachments::create_attachment::connector;
use crate::routes::attachments::delete_attachment::close;
use crate::routes::volumes;
use crate::submit::submit_and_wait;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use database::attachments::of_volume;
use model::{Attachment, AttachmentStatus, Result};
use operation::TerminateConnection;
use serde_json::Value;

const NAME: &str = "os-terminate_connection";

pub(super) async fn terminate(mut action: VolumeAction<'_>) -> Answer {
    let mut arguments = action.body.object(NAME)?.ok_or_else(|| required(NAME))?;
    let connector = connector(&mut arguments)?;
    arguments.refuse_rest()?;
    let (app, context) = (action.app, action.context);
    let volume = volumes::find(app, context, &action.id.to_string()).await?;
    let host =
        connector.as_ref().and_then(|connector| connector.get("host")).and_then(Value::as_str);
    for attachment in of_volume(&app.database, volume.id).await? {
        // without a host, all of them
        let is_meant = host.is_none() || connected_host(&attachment) == host;
        if attachment.through_actions && attachment.connector.is_some() && is_meant {
            close_data_path(app, context, &attachment).await?;
        }
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn close_data_path(
    app: &App,
    context: &RequestContext,
    attachment: &Attachment,
) -> Result<()> {
    let Attachment { id: attachment_id, volume_id, attach_mode: mode, .. } = *attachment;
    match attachment.status {
        AttachmentStatus::Attached
        | AttachmentStatus::Detaching
        | AttachmentStatus::ErrorDetaching => {
            let operation = TerminateConnection { attachment_id, volume_id, mode };
            submit_and_wait(app, context, operation).await.map(drop)
        }
        AttachmentStatus::Reserved | AttachmentStatus::Attaching | AttachmentStatus::Detached => {
            close(app, context, attachment).await
        }
    }
}
