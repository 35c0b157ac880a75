//! Reading a check: `or` binds less than `and`, and that less than `not`; words stand between blanks, parentheses at their
//! edges.

use crate::check::{Check, Piece, Text};

/// A text that is no check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It ends too early.
    #[error("something is missing at the end")]
    EndsEarly,
    /// A word stands where it cannot.
    #[error("'{0}' cannot stand there")]
    Unexpected(String),
    /// A word that is no check.
    #[error("'{0}' is no check: it has no colon")]
    NoCheck(String),
    /// A check that asks a server.
    #[error("'{0}' would ask a server, which is not supported")]
    Remote(String),
    /// A text with a broken reference to a field of the target.
    #[error("'{0}' has a '%' that begins no %(field)s")]
    BrokenField(String),
}

/// The check that a text describes.
///
/// # Errors
/// When it describes none.
pub(crate) fn check(text: &str) -> Result<Check, ParseError> {
    if text.is_empty() {
        return Ok(Check::Always);
    }
    let mut words = Words::of(text);
    if words.peek().is_none() {
        return Ok(Check::Never);
    }
    let check = alternatives(&mut words)?;
    match words.next() {
        None => Ok(check),
        Some(word) => Err(ParseError::Unexpected(word.to_owned())),
    }
}

/// The words and parentheses of a text.
struct Words<'a>(std::iter::Peekable<std::vec::IntoIter<&'a str>>);

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let words: Vec<_> = text.split_whitespace().flat_map(without_parentheses).collect();
        Self(words.into_iter().peekable())
    }

    fn peek(&mut self) -> Option<&'a str> {
        self.0.peek().copied()
    }

    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    /// Takes the next word if it is this one, in whatever case.
    fn take(&mut self, word: &str) -> bool {
        self.0.next_if(|next| next.eq_ignore_ascii_case(word)).is_some()
    }
}

/// A word between the parentheses at its edges. One that closes a field belongs to the word.
fn without_parentheses(word: &str) -> Vec<&str> {
    let inner = word.trim_start_matches('(');
    let mut parts = vec!["("; word.len() - inner.len()];
    let bare = inner.trim_end_matches(')');
    if !bare.is_empty() {
        parts.push(bare);
    }
    parts.extend(vec![")"; inner.len() - bare.len()]);
    parts
}

fn alternatives(words: &mut Words<'_>) -> Result<Check, ParseError> {
    let mut checks = vec![conjunction(words)?];
    while words.take("or") {
        checks.push(conjunction(words)?);
    }
    Ok(single_or(checks, Check::Any))
}

fn conjunction(words: &mut Words<'_>) -> Result<Check, ParseError> {
    let mut checks = vec![negation(words)?];
    while words.take("and") {
        checks.push(negation(words)?);
    }
    Ok(single_or(checks, Check::All))
}

fn single_or(mut checks: Vec<Check>, several: impl Fn(Vec<Check>) -> Check) -> Check {
    if checks.len() == 1 { checks.remove(0) } else { several(checks) }
}

fn negation(words: &mut Words<'_>) -> Result<Check, ParseError> {
    if words.take("not") {
        return Ok(Check::Not(Box::new(negation(words)?)));
    }
    let word = words.next().ok_or(ParseError::EndsEarly)?;
    if word == "(" {
        let inner = alternatives(words)?;
        return match words.next() {
            Some(")") => Ok(inner),
            Some(other) => Err(ParseError::Unexpected(other.to_owned())),
            None => Err(ParseError::EndsEarly),
        };
    }
    if word == ")" || ["and", "or"].iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) {
        return Err(ParseError::Unexpected(word.to_owned()));
    }
    one(word)
}

/// A check without operators: `kind:match`.
pub(crate) fn one(word: &str) -> Result<Check, ParseError> {
    match word {
        "@" => return Ok(Check::Always),
        "!" => return Ok(Check::Never),
        _ => {}
    }
    let (kind, matched) =
        word.split_once(':').ok_or_else(|| ParseError::NoCheck(word.to_owned()))?;
    Ok(match kind {
        "rule" => Check::Rule(matched.to_owned()),
        "role" => Check::Role(text(matched)?),
        "http" | "https" => return Err(ParseError::Remote(word.to_owned())),
        _ => match literal(kind) {
            Some(literal) => Check::Equal(literal, text(matched)?),
            None => Check::Attribute(kind.to_owned(), text(matched)?),
        },
    })
}

/// What Python writes for a literal of its own; `None` for the name of an attribute.
fn literal(kind: &str) -> Option<String> {
    let quoted = |quote| kind.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(inner) = quoted('\'').or_else(|| quoted('"')) {
        return Some(inner.to_owned());
    }
    let is_word = matches!(kind, "True" | "False" | "None");
    (is_word || kind.parse::<i64>().is_ok()).then(|| kind.to_owned())
}

/// A text with `%(field)s` in it.
fn text(text: &str) -> Result<Text, ParseError> {
    let broken = || ParseError::BrokenField(text.to_owned());
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        let (field, after) =
            after.strip_prefix('(').and_then(|field| field.split_once(")s")).ok_or_else(broken)?;
        if !before.is_empty() {
            pieces.push(Piece::Literal(before.to_owned()));
        }
        pieces.push(Piece::Field(field.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    Ok(Text(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As it is written again.
    fn read(text: &str) -> String {
        check(text).map_or_else(|error| format!("error: {error}"), |check| check.to_string())
    }

    #[test]
    fn operators_bind_as_in_oslo_policy() {
        assert_eq!(read("a:1 or b:2 and not c:3"), "a:1 or (b:2 and not c:3)");
        assert_eq!(read("(a:1 or b:2) AND c:3"), "(a:1 or b:2) and c:3");
        assert_eq!(read("not (a:1 Or ((b:2)))"), "not (a:1 or b:2)");
        assert_eq!(read("not not a:1"), "not not a:1");
    }

    #[test]
    fn nothing_allows_and_blanks_refuse() {
        assert_eq!(check(""), Ok(Check::Always));
        assert_eq!(check("@"), Ok(Check::Always));
        assert_eq!(check("  "), Ok(Check::Never));
        assert_eq!(check("!"), Ok(Check::Never));
    }

    #[test]
    fn fields_of_the_target_are_part_of_a_text() {
        assert_eq!(read("user_id:%(user_id)s"), "user_id:%(user_id)s");
        assert_eq!(read("(project_id:x-%(project_id)s)"), "project_id:x-%(project_id)s");
        assert_eq!(read("'a':%(b)s or None:%(c)s"), "'a':%(b)s or 'None':%(c)s");
    }

    #[test]
    fn what_is_no_check_is_refused() {
        assert_eq!(check("role:a or"), Err(ParseError::EndsEarly));
        assert_eq!(check("(role:a"), Err(ParseError::EndsEarly));
        assert_eq!(check("role:a role:b"), Err(ParseError::Unexpected("role:b".to_owned())));
        assert_eq!(check("role:a)"), Err(ParseError::Unexpected(")".to_owned())));
        assert_eq!(check("and role:a"), Err(ParseError::Unexpected("and".to_owned())));
        assert_eq!(check("admin"), Err(ParseError::NoCheck("admin".to_owned())));
        assert_eq!(check("not(role:a)"), Err(ParseError::Unexpected(")".to_owned())));
        assert_eq!(check("a:%s"), Err(ParseError::BrokenField("%s".to_owned())));
        assert_eq!(check("http://x/y"), Err(ParseError::Remote("http://x/y".to_owned())));
    }
}
