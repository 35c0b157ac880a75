//! Actions: `POST /<resources>/{id}/action` with a body whose only key names the action.

use crate::app::App;
use crate::fault::Answer;
use crate::fields::Fields;
use crate::policy::{self, Object, Rule};
use crate::request::RequestContext;
use futures_util::future::BoxFuture;
use model::{BackupId, Error, Result, SnapshotId, VolumeId};
use serde_json::{Map, Value};

/// A request for an action on the resource with this id.
pub(crate) struct Action<'a, Id> {
    pub app: &'a App,
    pub context: &'a RequestContext,
    pub id: Id,
    /// The body; the action's arguments are under its name.
    pub body: Fields,
}

/// A request for an action on a volume.
pub(crate) type VolumeAction<'a> = Action<'a, VolumeId>;

/// A request for an action on a snapshot.
pub(crate) type SnapshotAction<'a> = Action<'a, SnapshotId>;

/// A request for an action on a backup.
pub(crate) type BackupAction<'a> = Action<'a, BackupId>;

/// The function that carries an action out.
type Run<Id> = for<'a> fn(Action<'a, Id>) -> BoxFuture<'a, Answer>;

/// A line of a table of actions: the name in the body, the rules that must let the caller pass, and the function.
pub(crate) struct ActionEntry<Id> {
    name: &'static str,
    rules: &'static [Rule],
    /// The microversion, 3.N, from which on the action exists.
    since: u16,
    run: Run<Id>,
}

impl<Id> ActionEntry<Id> {
    /// An action of every microversion.
    pub const fn new(name: &'static str, rules: &'static [Rule], run: Run<Id>) -> Self {
        Self { name, rules, since: 0, run }
    }

    /// The same action, from microversion 3.N on.
    pub const fn since(self, since: u16) -> Self {
        Self { since, ..self }
    }
}

/// Carries out the action that the body names, if the caller may. The action is looked up before the id is used, so that
/// an unknown action is a 400 whatever the id is.
pub(crate) async fn act<Id>(
    entries: &[ActionEntry<Id>],
    app: &App,
    context: &RequestContext,
    object: Object<'_>,
    id: Answer<Id>,
    body: Map<String, Value>,
) -> Answer {
    let entry = named(entries, &body)?;
    context.version.require(entry.since)?;
    policy::authorize(app, &context.caller, entry.rules, object).await?;
    (entry.run)(Action { app, context, id: id?, body: Fields::of_body(body) }).await
}

fn named<'t, Id>(
    entries: &'t [ActionEntry<Id>],
    body: &Map<String, Value>,
) -> Result<&'t ActionEntry<Id>> {
    let mut names = body.keys();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(Error::bad_request("The body must name exactly one action."));
    };
    entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
        Error::bad_request(format!(
            "There is no such action: {name}. Verify the request body and Content-Type header and try again."
        ))
    })
}
