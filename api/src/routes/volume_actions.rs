//! `POST /volumes/{id}/action`: the body's only key says which action.

mod extend_volume;
mod force_delete_volume;

use super::volumes::parse_id;
use crate::app::App;
use crate::body::Body;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::Rule;
use crate::request::RequestContext;
use axum::extract::{Path, State};
use axum::response::Response;
use common::Error;
use common::model::VolumeId;

/// An action on a volume, on its way to its file.
pub(crate) struct Action<'a> {
    pub app: &'a App,
    pub context: &'a RequestContext,
    pub volume_id: VolumeId,
    /// The body; the action's arguments are under its name.
    pub body: Fields,
}

/// Who may ask for an action, and since which version it is there.
fn rule(name: &str) -> Option<(Rule, u16)> {
    match name {
        "os-extend" => Some((Rule::Member, 0)),
        "os-force_delete" => Some((Rule::Admin, 0)),
        _ => None,
    }
}

pub(crate) async fn act(
    State(app): State<App>,
    context: RequestContext,
    Path(id): Path<String>,
    Body(body): Body,
) -> Answer<Response> {
    let mut names = body.keys();
    let (Some(name), None) = (names.next().cloned(), names.next()) else {
        return Err(Error::bad_request("The body must name exactly one action.").into());
    };
    let Some((rule, since)) = rule(&name) else {
        return Err(Error::bad_request(format!(
            "There is no such action: {name}. Verify the request body and Content-Type header and try \
             again."
        ))
        .into());
    };
    context.version.require(since)?;
    rule.check(&context.caller)?;
    let action = Action {
        app: &app,
        context: &context,
        volume_id: parse_id(&id)?,
        body: Fields::of_body(body),
    };
    match name.as_str() {
        "os-extend" => extend_volume::extend(action).await,
        "os-force_delete" => force_delete_volume::force_delete(action).await,
        _ => Err(Error::internal(format!("the action {name} has a rule and no route")).into()),
    }
}
