//! A check, and what it is decided from.

use model::Caller;
use std::borrow::Cow;
use std::fmt;

/// A condition of oslo.policy's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `@`, or nothing at all.
    Always,
    /// `!`
    Never,
    /// `not a`
    Not(Box<Check>),
    /// `a and b`
    All(Vec<Check>),
    /// `a or b`
    Any(Vec<Check>),
    /// `rule:name`: what the rule of that name says.
    Rule(String),
    /// `role:name`: the caller has the role, in whatever case it is written.
    Role(Text),
    /// `'x':%(y)s`, `True:%(y)s`: a text equals another.
    Equal(String, Text),
    /// `user_id:%(user_id)s`: an attribute of the caller is, or has among its values, a text.
    Attribute(String, Text),
}

/// A text with fields of the target in it, such as `%(project_id)s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub(crate) Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    Field(String),
}

/// What is known of the object that is asked for.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    fields: Vec<(&'a str, &'a str)>,
    /// Whether it has no other fields.
    is_complete: bool,
}

impl<'a> Target<'a> {
    /// An object with these fields and no others.
    #[must_use]
    pub const fn complete(fields: Vec<(&'a str, &'a str)>) -> Self {
        Self { fields, is_complete: true }
    }

    /// An object with these fields, and others that are not known yet.
    #[must_use]
    pub const fn partial(fields: Vec<(&'a str, &'a str)>) -> Self {
        Self { fields, is_complete: false }
    }

    fn field(&self, name: &str) -> Field<'a> {
        match self.fields.iter().find(|(field, _)| *field == name) {
            Some((_, value)) => Field::Known(value),
            None if self.is_complete => Field::Missing,
            None => Field::Unknown,
        }
    }
}

enum Field<'a> {
    Known(&'a str),
    Missing,
    Unknown,
}

impl Check {
    /// Whether the caller may; `None` when that depends on what is not known of the target. A rule that it names refuses:
    /// [`Self::resolved`] comes first.
    pub(crate) fn decide(&self, caller: &Caller, target: &Target<'_>) -> Option<bool> {
        match self {
            Self::Always => Some(true),
            Self::Never | Self::Rule(_) => Some(false),
            Self::Not(check) => check.decide(caller, target).map(|allowed| !allowed),
            Self::All(checks) => {
                first_of(false, checks.iter().map(|check| check.decide(caller, target)))
            }
            Self::Any(checks) => {
                first_of(true, checks.iter().map(|check| check.decide(caller, target)))
            }
            Self::Role(role) => role.compare(target, |role| {
                caller.roles.iter().any(|has| has.eq_ignore_ascii_case(role))
            }),
            Self::Equal(literal, text) => text.compare(target, |text| text == literal),
            Self::Attribute(name, text) => {
                let Some(attribute) = attribute(caller, name) else {
                    return Some(false);
                };
                text.compare(target, |text| attribute.is(text))
            }
        }
    }

    /// The same check with what the rules say that it names in their places.
    pub(crate) fn resolved<E>(
        &self,
        rule: &mut impl FnMut(&str) -> Result<Self, E>,
    ) -> Result<Self, E> {
        let mut all = |checks: &[Self]| -> Result<Vec<Self>, E> {
            checks.iter().map(|check| check.resolved(rule)).collect()
        };
        Ok(match self {
            Self::Rule(name) => rule(name)?,
            Self::Not(check) => Self::Not(Box::new(check.resolved(rule)?)),
            Self::All(checks) => Self::All(all(checks)?),
            Self::Any(checks) => Self::Any(all(checks)?),
            Self::Always | Self::Never | Self::Role(_) | Self::Equal(..) | Self::Attribute(..) => {
                self.clone()
            }
        })
    }

    /// What it compares that nobody knows: a field of the target, or an attribute of the caller. It would never hold, and what
    /// excludes it always.
    pub(crate) fn unknown(&self) -> Option<String> {
        let in_text = |text: &Text| text.unknown_field();
        match self {
            Self::Always | Self::Never | Self::Rule(_) => None,
            Self::Not(check) => check.unknown(),
            Self::All(checks) | Self::Any(checks) => checks.iter().find_map(Self::unknown),
            Self::Role(text) | Self::Equal(_, text) => in_text(text),
            Self::Attribute(name, _) if !ATTRIBUTES.contains(&name.as_str()) => Some(name.clone()),
            Self::Attribute(_, text) => in_text(text),
        }
    }

    /// The rules that it names.
    pub(crate) fn rules(&self) -> Vec<&str> {
        match self {
            Self::Rule(name) => vec![name],
            Self::Not(check) => check.rules(),
            Self::All(checks) | Self::Any(checks) => checks.iter().flat_map(Self::rules).collect(),
            Self::Always | Self::Never | Self::Role(_) | Self::Equal(..) | Self::Attribute(..) => {
                Vec::new()
            }
        }
    }
}

/// Whether one of the answers is the `decisive` one, as far as that is known.
fn first_of(decisive: bool, answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(!decisive);
    for answer in answers {
        match answer {
            Some(answer) if answer == decisive => return Some(decisive),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

impl Text {
    fn unknown_field(&self) -> Option<String> {
        self.0.iter().find_map(|piece| match piece {
            Piece::Field(name) if !FIELDS.contains(&name.as_str()) => Some(format!("%({name})s")),
            Piece::Field(_) | Piece::Literal(_) => None,
        })
    }

    /// Compares it; a text with a field that the target does not have equals nothing.
    fn compare(&self, target: &Target<'_>, holds: impl FnOnce(&str) -> bool) -> Option<bool> {
        let mut text = Cow::Borrowed("");
        for piece in &self.0 {
            let part = match piece {
                Piece::Literal(literal) => literal,
                Piece::Field(name) => match target.field(name) {
                    Field::Known(value) => value,
                    Field::Missing => return Some(false),
                    Field::Unknown => return None,
                },
            };
            text += part;
        }
        Some(holds(&text))
    }
}

/// The fields of targets that checks can compare. Cinder's targets have no `domain_id`, but its old defaults name it.
const FIELDS: [&str; 3] = ["project_id", "user_id", "domain_id"];

/// The attributes of callers that checks can compare.
const ATTRIBUTES: [&str; 8] = [
    "user_id",
    "project_id",
    "domain_id",
    "system_scope",
    "roles",
    "service_roles",
    "is_admin",
    "is_admin_project",
];

/// What a check can ask of a caller.
enum Attribute<'a> {
    Text(&'a str),
    /// A boolean, which is written as Python does.
    Flag(bool),
    List(&'a [String]),
}

/// The attribute of this name; `None` where the caller has none.
fn attribute<'a>(caller: &'a Caller, name: &str) -> Option<Attribute<'a>> {
    Some(match name {
        "user_id" => Attribute::Text(&caller.user_id),
        "project_id" if caller.project_id.is_empty() => return None,
        "project_id" => Attribute::Text(&caller.project_id),
        "domain_id" => Attribute::Text(caller.domain_id.as_deref()?),
        "system_scope" => Attribute::Text(caller.system_scope.as_deref()?),
        "service_roles" => Attribute::List(&caller.service_roles),
        "roles" => Attribute::List(&caller.roles),
        "is_admin" => Attribute::Flag(caller.is_admin),
        "is_admin_project" => Attribute::Flag(caller.is_admin_project.unwrap_or(true)),
        _ => return None,
    })
}

impl Attribute<'_> {
    fn is(&self, text: &str) -> bool {
        match self {
            Self::Text(value) => *value == text,
            Self::Flag(true) => text == "True",
            Self::Flag(false) => text == "False",
            Self::List(values) => values.iter().any(|value| value == text),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => formatter.write_str("@"),
            Self::Never => formatter.write_str("!"),
            Self::Not(check) => write!(formatter, "not {}", Nested(check)),
            Self::All(checks) => joined(formatter, checks, " and "),
            Self::Any(checks) => joined(formatter, checks, " or "),
            Self::Rule(name) => write!(formatter, "rule:{name}"),
            Self::Role(role) => write!(formatter, "role:{role}"),
            Self::Equal(literal, text) => write!(formatter, "'{literal}':{text}"),
            Self::Attribute(name, text) => write!(formatter, "{name}:{text}"),
        }
    }
}

/// A check within another one.
struct Nested<'a>(&'a Check);

impl fmt::Display for Nested<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Check::All(_) | Check::Any(_) => write!(formatter, "({})", self.0),
            single => write!(formatter, "{single}"),
        }
    }
}

fn joined(formatter: &mut fmt::Formatter<'_>, checks: &[Check], word: &str) -> fmt::Result {
    for (position, check) in checks.iter().enumerate() {
        if position > 0 {
            formatter.write_str(word)?;
        }
        write!(formatter, "{}", Nested(check))?;
    }
    Ok(())
}

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => formatter.write_str(literal)?,
                Piece::Field(name) => write!(formatter, "%({name})s")?,
            }
        }
        Ok(())
    }
}
