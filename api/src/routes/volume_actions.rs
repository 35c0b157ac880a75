//! `POST /volumes/{id}/action`: the body's only key says which action.

mod extend_volume;
mod force_delete_volume;
mod revert_volume;

use super::volumes::parse_id;
use crate::action::{self, Named};
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use axum::extract::{Path, State};
use axum::response::Response;
use common::model::VolumeId;

/// An action on a volume, on its way to its file.
pub(crate) struct Action<'a> {
    pub app: &'a App,
    pub context: &'a RequestContext,
    pub volume_id: VolumeId,
    /// The body; the action's arguments are under its name.
    pub body: Fields,
}

#[derive(Clone, Copy)]
enum Which {
    Extend,
    ForceDelete,
    Revert,
}

const ACTIONS: &[Named<Which>] = &[
    Named::new("os-extend", Rule::Member, Which::Extend),
    Named::new("os-force_delete", Rule::Admin, Which::ForceDelete),
    Named::since("revert", 40, Rule::Member, Which::Revert),
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
        volume_id: parse_id(&id)?,
        body: Fields::of_body(body),
    };
    match which {
        Which::Extend => extend_volume::extend(action).await,
        Which::ForceDelete => force_delete_volume::force_delete(action).await,
        Which::Revert => revert_volume::revert(action).await,
    }
}
