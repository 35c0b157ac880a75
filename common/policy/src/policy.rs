//! The rules that are in force: the defaults, and what files say otherwise.

use crate::check::{Check, Target};
use crate::files::{Entry, PolicyFiles};
use crate::parse::{self, ParseError};
use crate::rules::{self, Rule};
use model::Caller;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// The check of names that nobody has defined.
const DEFAULT: &str = "default";

/// A policy that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A file cannot be read.
    #[error("{}: {error}", file.display())]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is no map from names of rules to checks.
    #[error("{}: not a map from names of rules to checks: {reason}", file.display())]
    NoMap {
        /// Which one.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A check cannot be understood.
    #[error("{}: rule {name}: {error}", file.display())]
    Check {
        /// In which file.
        file: PathBuf,
        /// The rule.
        name: String,
        /// Why.
        error: ParseError,
    },
    /// A rule that Cinder does not have, and that no other names.
    #[error("{}: there is no rule {name}, and no other rule names it", file.display())]
    UnknownRule {
        /// In which file.
        file: PathBuf,
        /// The rule.
        name: String,
    },
    /// A rule names one that is not there.
    #[error("rule {name} refers to rule:{missing}, which is not there")]
    Undefined {
        /// The rule.
        name: String,
        /// The one that is not there.
        missing: String,
    },
    /// A rule compares what is not known.
    #[error("rule {name} compares {what}, which is not known here")]
    Unknown {
        /// The rule.
        name: String,
        /// The field or attribute.
        what: String,
    },
    /// A file or directory that was read is not there any more.
    #[error("{}: it is not there any more", file.display())]
    Gone {
        /// Which one.
        file: PathBuf,
    },
    /// A rule refers to itself.
    #[error("rule {name} refers to itself")]
    Cycle {
        /// The rule.
        name: String,
    },
    /// A default cannot be understood: a defect.
    #[error("the default of rule {name}: {error}")]
    Default {
        /// The rule.
        name: &'static str,
        /// Why.
        error: ParseError,
    },
}

impl PolicyError {
    pub(crate) fn unreadable(file: &Path, error: std::io::Error) -> Self {
        Self::Unreadable { file: file.to_owned(), error }
    }
}

/// Where a check comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// It is Cinder's default.
    Default,
    /// A file has it.
    File(PathBuf),
}

#[derive(Clone, Debug)]
struct Definition {
    check: Check,
    source: Source,
}

/// What rules are defined as, by their names.
type Definitions = BTreeMap<String, Definition>;

/// The rules that are in force.
#[derive(Clone, Debug)]
pub struct Policy {
    definitions: Definitions,
    /// What each [`Rule`] comes to, in their order.
    checks: Vec<Check>,
    is_admin: Check,
}

impl Policy {
    /// The policy that files describe.
    ///
    /// # Errors
    /// When a file cannot be read or understood, or rules do not fit together.
    pub fn load(files: &PolicyFiles) -> Result<Self, PolicyError> {
        let mut definitions = defaults()?;
        let entries = files.read()?;
        apply(&mut definitions, &entries);
        refuse_unknown(&definitions, &entries)?;
        for (name, definition) in &definitions {
            if let Some(what) = definition.check.unknown() {
                return Err(PolicyError::Unknown { name: name.clone(), what });
            }
            resolved(&definitions, name, &mut Vec::new())?;
        }
        let come_to = |name| resolved(&definitions, name, &mut Vec::new());
        Ok(Self {
            checks: Rule::ALL.iter().map(|rule| come_to(rule.name())).collect::<Result<_, _>>()?,
            is_admin: come_to(rules::CONTEXT_IS_ADMIN)?,
            definitions,
        })
    }

    /// Whether a rule lets the caller pass; `None` when that depends on what is not known of the target.
    #[must_use]
    pub fn decide(&self, rule: Rule, caller: &Caller, target: &Target<'_>) -> Option<bool> {
        self.checks.get(rule as usize).map_or(Some(false), |check| check.decide(caller, target))
    }

    /// Whether a rule lets the caller pass, as far as the target is known; what depends on more is refused.
    #[must_use]
    pub fn allows(&self, rule: Rule, caller: &Caller, target: &Target<'_>) -> bool {
        self.decide(rule, caller, target) == Some(true)
    }

    /// Whether the caller is an admin of the cloud.
    #[must_use]
    pub fn is_admin(&self, caller: &Caller) -> bool {
        self.is_admin.decide(caller, &Target::complete(Vec::new())) == Some(true)
    }

    /// Every rule, also those that only others name, with its check and where that comes from; by name.
    pub fn effective(&self) -> impl Iterator<Item = (&str, &Check, &Source)> {
        self.definitions
            .iter()
            .map(|(name, definition)| (name.as_str(), &definition.check, &definition.source))
    }
}

fn defaults() -> Result<Definitions, PolicyError> {
    let named = rules::NAMED.into_iter();
    let all = named.chain(Rule::ALL.iter().map(|rule| (rule.name(), rule.default_check())));
    let define = |(name, text): (&'static str, &str)| {
        let check = parse::check(text).map_err(|error| PolicyError::Default { name, error })?;
        Ok((name.to_owned(), Definition { check, source: Source::Default }))
    };
    all.map(define).collect()
}

/// A line under a rule's old name counts for every rule that once had it and has no line of its own.
fn apply(definitions: &mut Definitions, entries: &[Entry]) {
    let renamed = entries.iter().flat_map(|entry| {
        let renamed = Rule::ALL.iter().filter(|rule| rule.old_name() == Some(&entry.name));
        renamed.map(move |rule| (rule.name(), entry))
    });
    let named = entries.iter().map(|entry| (entry.name.as_str(), entry));
    for (name, entry) in renamed.chain(named) {
        let source = Source::File(entry.file.clone());
        definitions.insert(name.to_owned(), Definition { check: entry.check.clone(), source });
    }
}

fn refuse_unknown(definitions: &Definitions, entries: &[Entry]) -> Result<(), PolicyError> {
    let named: HashSet<_> =
        definitions.values().flat_map(|definition| definition.check.rules()).collect();
    for Entry { name, file, .. } in entries {
        let is_known = name == DEFAULT
            || rules::NAMED.iter().any(|(known, _)| known == name)
            || Rule::ALL.iter().any(|rule| rule.name() == name || rule.old_name() == Some(name))
            || named.contains(name.as_str());
        if is_known {
            continue;
        }
        if !rules::is_without_effect(name) {
            return Err(PolicyError::UnknownRule { file: file.clone(), name: name.clone() });
        }
        tracing::info!(rule = name, "the rule guards nothing that cinderblock has");
    }
    Ok(())
}

/// What a rule comes to, with the rules that it names in their places. `within` are those that lead to it.
fn resolved<'a>(
    definitions: &'a Definitions,
    name: &'a str,
    within: &mut Vec<String>,
) -> Result<Check, PolicyError> {
    if within.iter().any(|outer| outer == name) {
        return Err(PolicyError::Cycle { name: name.to_owned() });
    }
    let Some(definition) = definitions.get(name).or_else(|| definitions.get(DEFAULT)) else {
        let outer = within.last().cloned().unwrap_or_default();
        return Err(PolicyError::Undefined { name: outer, missing: name.to_owned() });
    };
    within.push(name.to_owned());
    let check = definition.check.resolved(&mut |inner| resolved(definitions, inner, within));
    within.pop();
    check
}

#[cfg(test)]
mod tests {
    use super::*;
    fn caller(roles: &[&str]) -> Caller {
        Caller {
            user_id: "ann".to_owned(),
            project_id: "p".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            is_admin: roles.contains(&"admin"),
            ..Caller::default()
        }
    }

    /// The policy of a file with this text.
    fn policy(text: &str) -> Result<Policy, PolicyError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = Some(file.path().to_owned());
        Policy::load(&PolicyFiles { file: path, is_required: true, ..PolicyFiles::default() })
    }

    fn refused(text: &str) -> String {
        let error = policy(text).unwrap_err().to_string();
        error.split_once(": ").map_or(error.clone(), |(_, reason)| reason.to_owned())
    }

    fn own() -> Target<'static> {
        Target::partial(vec![("project_id", "p")])
    }

    #[test]
    fn the_defaults_are_those_of_cinder() {
        let policy = policy("").unwrap();
        let allows = |rule, roles: &[&str]| policy.allows(rule, &caller(roles), &own());
        assert!(allows(Rule::VolumeGet, &["reader"]));
        assert!(!allows(Rule::VolumeCreate, &["reader"]));
        assert!(allows(Rule::VolumeCreate, &["MEMBER"]));
        assert!(!allows(Rule::VolumeGet, &["member"]), "Keystone gives members the role reader");
        assert!(!allows(Rule::FreezeHost, &["member", "reader"]));
        assert!(allows(Rule::FreezeHost, &["admin"]));
        assert!(policy.is_admin(&caller(&["admin"])));
        assert!(!policy.is_admin(&caller(&["member"])));
        let stranger = Caller { project_id: "q".to_owned(), ..caller(&["member", "reader"]) };
        assert!(!policy.allows(Rule::VolumeCreate, &stranger, &own()));
    }

    #[test]
    fn a_file_in_yaml_or_json_replaces_single_rules() {
        let yaml = "# comment\n\"volume:get\": role:x\nvolume:create: ''\nvolume:extend: '!'\n";
        let json =
            r#"{"volume:get": "role:x", "volume:create": [], "volume:extend": [["role:y"]]}"#;
        for text in [yaml, json] {
            let policy = policy(text).unwrap();
            let allows = |rule, roles: &[&str]| policy.allows(rule, &caller(roles), &own());
            assert!(allows(Rule::VolumeGet, &["x"]), "{text}");
            assert!(!allows(Rule::VolumeGet, &["reader"]), "{text}");
            assert!(allows(Rule::VolumeCreate, &[]), "{text}");
            assert!(!allows(Rule::VolumeExtend, &["member"]), "{text}");
            assert!(allows(Rule::VolumeDelete, &["member"]), "{text}");
        }
    }

    #[test]
    fn empty_members_of_the_old_form_allow_nothing() {
        for (check, allowed) in [("[[]]", false), ("[[], [role:x]]", true), ("[]", true)] {
            let policy = policy(&format!("volume:get: {check}")).unwrap();
            assert_eq!(policy.allows(Rule::VolumeGet, &caller(&["x"]), &own()), allowed, "{check}");
        }
        let policy = policy("volume:get: [[], [role:x]]").unwrap();
        assert!(!policy.allows(Rule::VolumeGet, &caller(&["reader"]), &own()));
    }

    #[test]
    fn an_old_name_counts_where_the_new_one_has_no_line() {
        let old = "volume_extension:types_manage: role:x\nvolume_extension:type_update: role:y\n";
        let policy = policy(old).unwrap();
        let allows = |rule, role| policy.allows(rule, &caller(&[role]), &own());
        assert!(allows(Rule::TypeCreate, "x") && allows(Rule::TypeDelete, "x"));
        assert!(allows(Rule::TypeUpdate, "y") && !allows(Rule::TypeUpdate, "x"));
    }

    #[test]
    fn what_is_not_known_of_the_target_leaves_it_open() {
        let policy = policy("volume:get: user_id:%(user_id)s and role:reader").unwrap();
        let reader = caller(&["reader"]);
        assert_eq!(policy.decide(Rule::VolumeGet, &reader, &own()), None);
        assert_eq!(policy.decide(Rule::VolumeGet, &caller(&[]), &own()), Some(false));
        let of = |user| Target::complete(vec![("project_id", "p"), ("user_id", user)]);
        assert_eq!(policy.decide(Rule::VolumeGet, &reader, &of("ann")), Some(true));
        assert_eq!(policy.decide(Rule::VolumeGet, &reader, &of("bob")), Some(false));
        let without = Target::complete(vec![("project_id", "p")]);
        assert_eq!(policy.decide(Rule::VolumeGet, &reader, &without), Some(false));
    }

    #[test]
    fn helpers_and_rules_of_what_is_not_there_are_no_errors() {
        let text = "mine: role:x\nvolume:get: rule:mine\ngroup:create: role:y\ndefault: '!'\n";
        let policy = policy(text).unwrap();
        assert!(policy.allows(Rule::VolumeGet, &caller(&["x"]), &own()));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(
            refused("volume:gett: ''"),
            "there is no rule volume:gett, and no other rule names it"
        );
        assert_eq!(
            policy("volume:get: rule:there").unwrap_err().to_string(),
            "rule volume:get refers to rule:there, which is not there"
        );
        let cycle = policy("a: rule:b\nb: rule:a\nvolume:get: rule:a").unwrap_err().to_string();
        assert!(cycle.ends_with("refers to itself"), "{cycle}");
        assert_eq!(
            refused("volume:get: role:a or"),
            "rule volume:get: something is missing at the end"
        );
        for (check, what) in [
            ("not 'locked':%(status)s", "%(status)s"),
            ("not user_domain_id:guests", "user_domain_id"),
        ] {
            assert_eq!(
                policy(&format!("volume:get: \"{check}\"")).unwrap_err().to_string(),
                format!("rule volume:get compares {what}, which is not known here")
            );
        }
        assert!(refused("- a\n- b\n").starts_with("not a map"));
        assert!(refused("a: {b: c}\n").starts_with("not a map"));
    }
}
