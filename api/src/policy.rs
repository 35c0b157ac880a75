//! Who may ask for what: the rules of Cinder's policy, as they are in force.
//!
//! Most rules are decided before a route runs, from the caller's roles and project: what belongs to another project is not
//! there for whoever is no admin. Where a policy file compares other fields of an object, the object is looked up first.

use crate::app::App;
use crate::fault::Answer;
use crate::request::RequestContext;
use database::{attachments, backups, snapshots};
use model::{Caller, Error, ErrorKind, Result};
pub(crate) use policy::Rule;
use policy::{Policy, Subject, Target};

/// The object in the path of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Object<'a> {
    Volume(&'a str),
    Snapshot(&'a str),
    Attachment(&'a str),
    Backup(&'a str),
    Project(&'a str),
    /// None that belongs to a project.
    Other,
}

impl<'a> Object<'a> {
    /// The one that a parameter of a path names.
    pub fn named(parameter: &str, value: &'a str) -> Self {
        match parameter {
            "volume_id" => Self::Volume(value),
            "snapshot_id" => Self::Snapshot(value),
            "attachment_id" => Self::Attachment(value),
            "backup_id" => Self::Backup(value),
            "project" => Self::Project(value),
            _ => Self::Other,
        }
    }
}

/// Who an object belongs to.
struct Owner {
    project_id: String,
    user_id: String,
}

impl Owner {
    fn target(&self) -> Target<'_> {
        Target::complete(vec![("project_id", &self.project_id), ("user_id", &self.user_id)])
    }
}

/// Lets the caller pass if every rule does, the first one first.
pub(crate) async fn authorize(
    app: &App,
    caller: &Caller,
    rules: &[Rule],
    object: Object<'_>,
) -> Answer<()> {
    let policy = app.policy.current();
    for rule in rules {
        if !allows(app, &policy, *rule, caller, object).await? {
            return Err(refusal(*rule, object).into());
        }
    }
    Ok(())
}

async fn allows(
    app: &App,
    policy: &Policy,
    rule: Rule,
    caller: &Caller,
    object: Object<'_>,
) -> Answer<bool> {
    match (rule.subject(), object) {
        (Subject::Project, Object::Project(project)) => {
            Ok(policy.allows(rule, caller, &Target::complete(vec![("project_id", project)])))
        }
        (Subject::Caller | Subject::Project, _) => Ok(policy.allows(rule, caller, &own(caller))),
        (Subject::Resource, _) => match policy.decide(rule, caller, &visible(caller)) {
            Some(allowed) => Ok(allowed),
            // the route answers for an object that is not there, and decides where its body names the object
            None => {
                let owner = owner(app, caller, object).await?;
                Ok(owner.is_none_or(|owner| policy.allows(rule, caller, &owner.target())))
            }
        },
    }
}

/// The caller's own.
fn own(caller: &Caller) -> Target<'_> {
    Target::complete(vec![
        ("project_id", caller.project_id.as_str()),
        ("user_id", caller.user_id.as_str()),
    ])
}

/// What is known of every object that the caller can see.
fn visible(caller: &Caller) -> Target<'_> {
    Target::partial(
        caller.project_scope().map(|project| ("project_id", project)).into_iter().collect(),
    )
}

/// Who the object belongs to; `None` when it is not there, or belongs to nobody.
async fn owner(app: &App, caller: &Caller, object: Object<'_>) -> Answer<Option<Owner>> {
    let scope = caller.project_scope();
    Ok(match object {
        Object::Volume(id) => {
            let Ok(id) = id.parse() else { return Ok(None) };
            let found = app.volumes.find(id, scope).await?;
            found.map(|volume| Owner { project_id: volume.project_id, user_id: volume.user_id })
        }
        Object::Snapshot(id) => {
            let Ok(id) = id.parse() else { return Ok(None) };
            let found = snapshots::find(&app.database, id, scope).await?;
            found.map(|snapshot| Owner {
                project_id: snapshot.project_id,
                user_id: snapshot.user_id,
            })
        }
        Object::Backup(id) => {
            let Ok(id) = id.parse() else { return Ok(None) };
            let found = backups::find(&app.database, id, scope).await?;
            found.map(|backup| Owner { project_id: backup.project_id, user_id: backup.user_id })
        }
        Object::Attachment(id) => {
            let Ok(id) = id.parse() else { return Ok(None) };
            let Some(attachment) = attachments::find(&app.database, id, scope).await? else {
                return Ok(None);
            };
            let found = app.volumes.find(attachment.volume_id, scope).await?;
            found.map(|volume| Owner { project_id: volume.project_id, user_id: volume.user_id })
        }
        Object::Project(_) | Object::Other => None,
    })
}

/// Cinder's words for what a rule refuses.
fn refusal(rule: Rule, object: Object<'_>) -> Error {
    match (rule, object) {
        (Rule::VolumeGet, Object::Volume(id)) => {
            Error::not_found(format!("Volume {id} could not be found."))
        }
        (
            Rule::DefaultTypeSet
            | Rule::DefaultTypeGet
            | Rule::DefaultTypeGetAll
            | Rule::DefaultTypeUnset,
            _,
        ) => Error::new(ErrorKind::Forbidden, "You are not authorized to perform this operation."),
        _ => forbidden(rule),
    }
}

fn forbidden(rule: Rule) -> Error {
    Error::new(ErrorKind::Forbidden, format!("Policy doesn't allow {rule} to be performed."))
}

impl RequestContext {
    /// Whether a rule that is about no object lets the caller pass: whether a field is shown, for instance.
    pub fn allows(&self, rule: Rule) -> bool {
        self.policy.allows(rule, &self.caller, &own(&self.caller))
    }

    /// Whether a rule lets the caller pass for every object that they can see, whoever made it.
    pub fn allows_of_all(&self, rule: Rule) -> bool {
        self.policy.allows(rule, &self.caller, &visible(&self.caller))
    }

    /// Lets the caller pass if such a rule does.
    pub fn require(&self, rule: Rule) -> Result<()> {
        if self.allows(rule) { Ok(()) } else { Err(forbidden(rule)) }
    }

    /// Lets the caller pass if a rule does that is about an object of this project and user: one that the body names.
    pub fn require_for(&self, rule: Rule, project_id: &str, user_id: &str) -> Result<()> {
        let target = Target::complete(vec![("project_id", project_id), ("user_id", user_id)]);
        if self.policy.allows(rule, &self.caller, &target) { Ok(()) } else { Err(forbidden(rule)) }
    }
}
