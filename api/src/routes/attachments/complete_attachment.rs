//! `POST /attachments/{id}/action` with `os-complete`: `complete_attachment`, asked.

use super::find;
use crate::action::{self, Named};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use operation::CompleteAttachment;

const ACTIONS: &[Named<()>] = &[Named::since("os-complete", 44, Rule::Member, ())];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    action::which(ACTIONS, &body, &context)?;
    let attachment = find(&app, &context, &id).await?;
    let operation =
        CompleteAttachment { attachment_id: attachment.id, volume_id: attachment.volume_id };
    submit(&app, &context, operation).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
