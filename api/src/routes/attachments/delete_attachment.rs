//! `DELETE /attachments/{id}`: submits `delete_attachment`; where no data path was opened, there is less
//! to do.

use super::{SINCE, find, release_attachment, used_by_nova};
use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use crate::submit::submit_and_wait;
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use database::attachments;
use model::{Attachment, Result};
use operation::DeleteAttachment;
use serde_json::{Value, json};

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    context.version.require(SINCE)?;
    let attachment = find(&app, &context, &id).await?;
    used_by_nova::refuse(&app, &context, &attachment).await?;
    close(&app, &context, &attachment).await?;
    let left = attachments::of_volume(&app.database, attachment.volume_id).await?;
    let views: Vec<Value> = left.iter().map(views::attachment::summary).collect();
    Ok(Json(json!({ "attachments": views })).into_response())
}

/// Ends an attachment, with its data path if it has one.
pub(crate) async fn close(
    app: &App,
    context: &RequestContext,
    attachment: &Attachment,
) -> Result<()> {
    let Attachment { id: attachment_id, volume_id, attach_mode: mode, .. } = *attachment;
    if attachment.connector.is_some() {
        let operation = DeleteAttachment { attachment_id, volume_id, mode };
        submit_and_wait(app, context, operation).await?;
        return Ok(());
    }
    release_attachment::release(app, context, attachment_id, volume_id).await
}
