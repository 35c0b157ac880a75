//! A policy file to begin with.

use crate::rules::{NAMED, Rule, Subject};
use std::fmt::Write as _;

/// A policy file with every rule, what it guards and its default, all of it as comments.
#[must_use]
pub fn sample() -> String {
    let mut text = String::from(
        "# The rules of cinderblock with their defaults, which are Cinder's. A line without the # replaces one.\n\n\
         # Rules that others name\n",
    );
    for (name, check) in NAMED {
        let _ = writeln!(text, "#\"{name}\": \"{check}\"");
    }
    for rule in Rule::ALL {
        let about = match rule.subject() {
            Subject::Caller => "",
            Subject::Resource => " (of an object)",
            Subject::Project => " (of a project)",
        };
        let _ = writeln!(text, "\n# {}{about}", rule.guards());
        if let Some(old) = rule.old_name() {
            let _ = writeln!(text, "# Its name was {old}.");
        }
        let _ = writeln!(text, "#\"{rule}\": \"{}\"", rule.default_check());
    }
    text
}
