//! `POST /backups/{id}/action`: the body's only key says which action.

mod force_delete_backup;
mod reset_backup_status;

use super::backups::parse_id;
use crate::action::{self, ActionEntry};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::policy::{Object, Rule};
use crate::request::RequestContext;
use axum::extract::{Path, State};
use model::BackupId;

const ACTIONS: &[ActionEntry<BackupId>] = &[
    ActionEntry::new("os-force_delete", &[Rule::BackupForceDelete], |action| {
        Box::pin(force_delete_backup::force_delete(action))
    }),
    ActionEntry::new("os-reset_status", &[Rule::BackupResetStatus], |action| {
        Box::pin(reset_backup_status::reset(action))
    }),
];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    action::act(ACTIONS, &app, &context, Object::Backup(&id), parse_id(&id), body).await
}
