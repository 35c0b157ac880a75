//! `DELETE /volume-transfers/{id}`: submits `delete_transfer`.

use super::find;
use crate::app::App;
use crate::fault::{Answer, Fault};
use crate::policy::Rule;
use crate::request::RequestContext;
use crate::submit::submit;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use model::ErrorKind;
use operation::DeleteTransfer;

pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
) -> Answer {
    let first = withdraw(&app, &context, &id).await;
    let withdrawn = match first {
        // the volume was removed between the look and the admission, or so was the transfer
        Err(Fault(gone)) if gone.kind() == ErrorKind::NotFound => {
            withdraw(&app, &context, &id).await
        }
        other => other,
    };
    withdrawn.map(|()| StatusCode::ACCEPTED.into_response())
}

async fn withdraw(app: &App, context: &RequestContext, id: &str) -> Answer<()> {
    let transfer = find(app, id, context.caller.project_scope()).await?;
    let volume = app.volumes.find(transfer.volume_id, context.caller.project_scope()).await?;
    let user = volume.as_ref().map_or("", |volume| &volume.user_id);
    context.require_for(Rule::TransferDelete, &transfer.project_id, user)?;
    let volume_id = volume.map(|volume| volume.id);
    submit(app, context, DeleteTransfer { transfer_id: transfer.id, volume_id }).await?;
    Ok(())
}
