//! Filters of lists, by Cinder's rules on who may filter by what in which version.

use crate::fields::parse_boolean;
use crate::request::RequestContext;
use database::listing::{Comparison, Filter};
use model::{Error, Metadata, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// Since 3.31 a filter that is not open to everybody is refused; before, it is ignored.
const STRICT_SINCE: u16 = 31;
/// Since 3.34 `name~=part` looks for a part.
const LIKE_SINCE: u16 = 34;
/// Since 3.60 `created_at=gt:…` compares.
const COMPARING_SINCE: u16 = 60;

/// What a filter compares with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    /// A text, or anything else that is equal when its text is.
    Text(&'static str),
    /// A boolean.
    Bool(&'static str),
    /// A whole number.
    Number(&'static str),
    /// A map that must have the given entries.
    Map(&'static str),
    /// A point in time.
    Time(&'static str),
    /// Something that no row has.
    Absent,
}

/// A filter of a resource.
pub(crate) struct Known {
    /// Its name in the query.
    pub name: &'static str,
    /// What it compares with.
    pub column: Column,
    /// Whether callers who are not admins may use it.
    pub open: bool,
    /// The version that brought it.
    pub since: u16,
}

impl Known {
    /// A filter for everybody.
    pub const fn open(name: &'static str, column: Column) -> Self {
        Self { name, column, open: true, since: 0 }
    }

    /// A filter for admins.
    pub const fn admin(name: &'static str, column: Column) -> Self {
        Self { name, column, open: false, since: 0 }
    }

    /// The same filter, for a later version.
    pub const fn since(self, since: u16) -> Self {
        Self { since, ..self }
    }
}

/// The filters that the parameters ask for.
pub(crate) fn filters(
    parameters: Vec<(String, String)>,
    known: &[Known],
    context: &RequestContext,
) -> Result<Vec<Filter>> {
    let version = context.version.0;
    let mut filters = Vec::new();
    let mut refused = Vec::new();
    // of several with one name the last one counts
    for (key, value) in parameters.into_iter().collect::<BTreeMap<_, _>>() {
        let (name, like) = match key.strip_suffix('~') {
            Some(name) if version >= LIKE_SINCE => (name, true),
            _ => (key.as_str(), false),
        };
        let found = known.iter().find(|known| known.name == name && version >= known.since);
        match found {
            Some(known) if context.caller.is_admin || (known.open && !like) => {
                add(&mut filters, known, &value, like, version)?;
            }
            _ if !context.caller.is_admin && version >= STRICT_SINCE => refused.push(key),
            _ if !context.caller.is_admin => {}
            // an admin's filter that names nothing matches nothing
            _ => return Ok(vec![Filter::Nothing]),
        }
    }
    if refused.is_empty() {
        return Ok(filters);
    }
    Err(Error::bad_request(format!(
        "Invalid filters {} are found in query options.",
        refused.join(",")
    )))
}

fn add(
    filters: &mut Vec<Filter>,
    known: &Known,
    value: &str,
    like: bool,
    version: u16,
) -> Result<()> {
    let malformed =
        || Error::bad_request(format!("Invalid value '{value}' for filter '{}'.", known.name));
    let filter = match known.column {
        Column::Text(column) if like => Filter::Like(column, value.to_owned()),
        Column::Text(column) => Filter::OneOf(column, vec![value.to_owned()]),
        Column::Bool(column) => Filter::Is(column, parse_boolean(value).ok_or_else(malformed)?),
        Column::Number(column) => Filter::Number(column, value.parse().map_err(|_| malformed())?),
        Column::Map(column) => Filter::Has(column, literal_map(value).ok_or_else(malformed)?),
        Column::Time(column) if version >= COMPARING_SINCE => {
            if value.split(',').count() > Comparison::ALL.len() {
                return Err(malformed());
            }
            for part in value.split(',') {
                filters.push(compare(column, part).ok_or_else(malformed)?);
            }
            return Ok(());
        }
        Column::Time(column) => {
            Filter::Time(column, Comparison::At, parse_time(value).ok_or_else(malformed)?)
        }
        Column::Absent => Filter::Nothing,
    };
    filters.push(filter);
    Ok(())
}

/// `gt:2026-01-01T00:00:00`
fn compare(column: &'static str, part: &str) -> Option<Filter> {
    let (operator, time) = part.split_once(':')?;
    Some(Filter::Time(column, operator.parse().ok()?, parse_time(time)?))
}

/// An ISO 8601 time; without a zone it is UTC.
fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let naive = format_description!(
        "[year]-[month]-[day][optional [T]][optional [ ]][hour]:[minute]:[second][optional [.[subsecond]]]"
    );
    OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .or_else(|_| PrimitiveDateTime::parse(text, naive).map(PrimitiveDateTime::assume_utc))
        .ok()
}

/// A map as JSON, or as Python writes it: `{'key': 'value'}`.
fn literal_map(text: &str) -> Option<Metadata> {
    let parsed: BTreeMap<String, Value> = serde_json::from_str(text)
        .or_else(|_| serde_json::from_str(&text.replace('\'', "\"")))
        .ok()?;
    let as_text =
        |value: Value| value.as_str().map_or_else(|| json!(value).to_string(), str::to_owned);
    let map: Metadata = parsed.into_iter().map(|(key, value)| (key, as_text(value))).collect();
    // the database cannot hold it
    (!map.iter().any(|(key, value)| key.contains('\0') || value.contains('\0'))).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_as_json_and_as_python_writes_it() {
        let expected = Metadata::from([("k".to_owned(), "v".to_owned())]);
        assert_eq!(literal_map("{'k': 'v'}"), Some(expected.clone()));
        assert_eq!(literal_map(r#"{"k": "v"}"#), Some(expected));
        assert_eq!(literal_map("k=v"), None);
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let time = parse_time("2026-01-02T03:04:05").unwrap();
        assert_eq!(time, parse_time("2026-01-02T03:04:05Z").unwrap());
        assert_eq!(time, parse_time("2026-01-02T03:04:05.000").unwrap());
        assert!(parse_time("yesterday").is_none());
    }
}
