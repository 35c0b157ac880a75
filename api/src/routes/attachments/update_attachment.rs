//! `PUT /attachments/{id}`: submits `update_attachment`.

use super::create_attachment::{connector, parse_mode};
use super::{SINCE, find};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::{Fields, required};
use crate::request::RequestContext;
use crate::submit::{read_after, submit_and_wait};
use crate::views;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use operation::UpdateAttachment;
use serde_json::json;

pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    context.version.require(SINCE)?;
    let mut fields = Fields::inside(body, "attachment")?;
    let connector = connector(&mut fields)?.ok_or_else(|| required("connector"))?;
    fields.refuse_rest()?;
    let attachment = find(&app, &context, &id).await?;
    let mode = match connector.get("mode") {
        Some(asked) if !asked.is_null() => parse_mode(Some(asked))?,
        _ => attachment.attach_mode,
    };
    let operation = UpdateAttachment {
        attachment_id: attachment.id,
        volume_id: attachment.volume_id,
        connector,
        mode,
    };
    submit_and_wait(&app, &context, operation).await?;
    let attachment = read_after(&app, || find(&app, &context, &id)).await?;
    Ok(Json(json!({ "attachment": views::attachment::detail(&attachment) })).into_response())
}
