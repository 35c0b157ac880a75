//! `POST /snapshots/{id}/action`: the body's only key says which action.

mod force_delete_snapshot;
mod reset_snapshot_status;
mod unmanage_snapshot;
mod update_snapshot_status;

use super::snapshots::parse_id;
use crate::action::{self, ActionEntry};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::policy::{Object, Rule};
use crate::request::RequestContext;
use axum::extract::{Path, State};
use model::SnapshotId;

const ACTIONS: &[ActionEntry<SnapshotId>] = &[
    ActionEntry::new("os-force_delete", &[Rule::SnapshotForceDelete], |action| {
        Box::pin(force_delete_snapshot::force_delete(action))
    }),
    ActionEntry::new("os-reset_status", &[Rule::SnapshotResetStatus], |action| {
        Box::pin(reset_snapshot_status::reset(action))
    }),
    ActionEntry::new("os-update_snapshot_status", &[Rule::SnapshotUpdateStatus], |action| {
        Box::pin(update_snapshot_status::update(action))
    }),
    ActionEntry::new("os-unmanage", &[Rule::SnapshotUnmanage], |action| {
        Box::pin(unmanage_snapshot::unmanage(action))
    }),
];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer {
    action::act(ACTIONS, &app, &context, Object::Snapshot(&id), parse_id(&id), body).await
}
