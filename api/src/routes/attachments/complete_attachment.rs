//! `POST /attachments/{id}/action` with `os-complete`: submits `complete_attachment`.

use super::find;
use crate::action::{self, Action, ActionEntry};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::policy::{Object, Rule};
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::CompleteAttachment;

const ACTIONS: &[ActionEntry<String>] =
    &[ActionEntry::new("os-complete", &[Rule::AttachmentComplete], |action| {
        Box::pin(complete(action))
    })
    .since(44)];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    action::act(ACTIONS, &app, &context, Object::Attachment(&id), Ok(id.clone()), body).await
}

async fn complete(action: Action<'_, String>) -> Answer {
    let attachment = find(action.app, action.context, &action.id).await?;
    let operation =
        CompleteAttachment { attachment_id: attachment.id, volume_id: attachment.volume_id };
    submit(action.app, action.context, operation).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
