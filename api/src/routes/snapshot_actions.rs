//! `POST /snapshots/{id}/action`: the body's only key says which action.

mod force_delete_snapshot;
mod reset_snapshot_status;
mod unmanage_snapshot;

use super::snapshots::parse_id;
use crate::action::{self, Named};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use axum::extract::{Path, State};
use axum::response::Response;
use model::SnapshotId;

/// An action on a snapshot, on its way to its file.
pub(crate) struct Action<'a> {
    pub app: &'a App,
    pub context: &'a RequestContext,
    pub snapshot_id: SnapshotId,
    /// The body; the action's arguments are under its name.
    pub body: Fields,
}

#[derive(Clone, Copy)]
enum Which {
    ForceDelete,
    ResetStatus,
    Unmanage,
}

const ACTIONS: &[Named<Which>] = &[
    Named::new("os-force_delete", Rule::Admin, Which::ForceDelete),
    Named::new("os-reset_status", Rule::Admin, Which::ResetStatus),
    Named::new("os-unmanage", Rule::Admin, Which::Unmanage),
];

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer<Response> {
    let which = action::which(ACTIONS, &body, &context)?;
    let action = Action {
        app: &app,
        context: &context,
        snapshot_id: parse_id(&id)?,
        body: Fields::of_body(body),
    };
    match which {
        Which::ForceDelete => force_delete_snapshot::force_delete(action).await,
        Which::ResetStatus => reset_snapshot_status::reset(action).await,
        Which::Unmanage => unmanage_snapshot::unmanage(action).await,
    }
}
