//! `POST /attachments`: submits `create_attachment`; with a connector, `update_attachment` too.

use super::{SINCE, find, release_attachment};
use crate::app::App;
use crate::body::Body;
use crate::fault::{Answer, Fault};
use crate::fields::{Fields, invalid, required};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::routes::volumes;
use crate::submit::{read_after, submit, submit_and_wait};
use crate::views;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use model::{AttachMode, AttachmentId, Result, VolumeStatus};
use operation::{CreateAttachment, UpdateAttachment};
use serde_json::{Map, Value, json};

/// Since 3.54 the mode is an argument of its own.
const MODE_SINCE: u16 = 54;

pub(crate) async fn create(
    State(app): State<App>,
    context: RequestContext,
    Body(body): Body,
) -> Answer {
    context.version.require(SINCE)?;
    let mut attachment = Fields::inside(body, "attachment")?;
    let volume_id = attachment.uuid("volume_uuid")?.ok_or_else(|| required("volume_uuid"))?;
    let instance_id = attachment.uuid("instance_uuid")?;
    let connector = connector(&mut attachment)?;
    let mode = mode(&mut attachment, connector.as_ref(), context.version.0)?;
    attachment.refuse_rest()?;

    let volume = volumes::find_to_use(&app, &context, &volume_id.to_string()).await?;
    let (project, user) = (&volume.project_id, &volume.user_id);
    context.require_for(Rule::AttachmentCreate, project, user)?;
    if volume.multiattach && volume.bootable && volume.status == VolumeStatus::InUse {
        context.require_for(Rule::AttachmentMultiattachBootable, project, user)?;
    }
    let mode = if volume.readonly == Some(true) { AttachMode::ReadOnly } else { mode };
    let attachment_id = AttachmentId::random();
    let (volume_id, project_id) = (volume.id, volume.project_id);
    let create = CreateAttachment { attachment_id, volume_id, project_id, instance_id, mode };
    submit(&app, &context, create).await?;
    if let Some(connector) = connector {
        let update = UpdateAttachment { attachment_id, volume_id, connector, mode };
        if let Err(error) = submit_and_wait(&app, &context, update).await {
            release_attachment::release_failed_attachment(&app, &context, attachment_id, volume_id)
                .await;
            return Err(Fault(error));
        }
    }
    let id = attachment_id.to_string();
    let attachment = read_after(&app, || find(&app, &context, &id)).await?;
    Ok(Json(json!({ "attachment": views::attachment::detail(&attachment) })).into_response())
}

/// The connector, if there is one with anything in it.
pub(crate) fn connector(attachment: &mut Fields) -> Result<Option<Map<String, Value>>> {
    match attachment.value("connector") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(connector)) => Ok(Some(connector).filter(|found| !found.is_empty())),
        Some(other) => Err(invalid("connector", &other, "is not of type 'object'")),
    }
}

/// The mode from its own argument, or from the connector.
fn mode(
    attachment: &mut Fields,
    connector: Option<&Map<String, Value>>,
    version: u16,
) -> Result<AttachMode> {
    let argument = if version >= MODE_SINCE { attachment.value("mode") } else { None };
    let asked = argument.or_else(|| connector?.get("mode").cloned());
    parse_mode(asked.as_ref())
}

/// `rw` unless something else is asked for.
pub(crate) fn parse_mode(asked: Option<&Value>) -> Result<AttachMode> {
    match asked {
        None | Some(Value::Null) => Ok(AttachMode::ReadWrite),
        Some(mode) => mode
            .as_str()
            .and_then(|mode| mode.parse().ok())
            .ok_or_else(|| invalid("mode", mode, "is not one of ['rw', 'ro']")),
    }
}
