//! Actions: `POST /<resources>/{id}/action` with a body whose only key says which.

use crate::policy::Rule;
use crate::request::RequestContext;
use model::{Error, Result};
use serde_json::{Map, Value};

/// An action by its name in the body.
pub(crate) struct Named<Which> {
    name: &'static str,
    rule: Rule,
    since: u16,
    which: Which,
}

impl<Which: Copy> Named<Which> {
    /// An action that every version has.
    pub const fn new(name: &'static str, rule: Rule, which: Which) -> Self {
        Self { name, rule, since: 0, which }
    }

    /// An action that came with a later version.
    pub const fn since(name: &'static str, since: u16, rule: Rule, which: Which) -> Self {
        Self { name, rule, since, which }
    }
}

/// Which action a body asks for, if the caller may.
pub(crate) fn which<Which: Copy>(
    actions: &[Named<Which>],
    body: &Map<String, Value>,
    context: &RequestContext,
) -> Result<Which> {
    let mut names = body.keys();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(Error::bad_request("The body must name exactly one action."));
    };
    let Some(action) = actions.iter().find(|action| action.name == name) else {
        return Err(Error::bad_request(format!(
            "There is no such action: {name}. Verify the request body and Content-Type header and try \
             again."
        )));
    };
    context.version.require(action.since)?;
    action.rule.check(&context.caller)?;
    Ok(action.which)
}
