//! Pages of lists: `limit`, `marker`, `offset`, `sort` and the link to the next page.

use crate::fields::invalid;
use crate::links::Links;
use database::listing::{ListError, ListQuery, Sort};
use model::{Error, Result};
use serde_json::{Value, json};
use uuid::Uuid;

/// The parameters of a list, taken one by one; what is left are filters.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The parameters of a URL's query.
    pub fn parse(query: Option<&str>) -> Result<Self> {
        serde_urlencoded::from_str(query.unwrap_or_default())
            .map(Self)
            .map_err(|error| Error::bad_request(format!("The query is malformed: {error}.")))
    }

    /// The last value of a parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let mut value = None;
        self.0.retain_mut(|(key, found)| {
            let keep = key != name;
            if !keep {
                value = Some(std::mem::take(found));
            }
            keep
        });
        value
    }

    /// A flag: present and true.
    pub fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(text) if text.is_empty() => Ok(true),
            Some(text) => crate::fields::parse_boolean(&text)
                .ok_or_else(|| Error::bad_request(format!("Invalid value '{text}' for '{name}'."))),
        }
    }

    /// What is left.
    pub fn rest(self) -> Vec<(String, String)> {
        self.0
    }
}

/// The page that is asked for.
#[derive(Debug)]
pub(crate) struct Page {
    limit: i64,
    offset: i64,
    marker: Option<Uuid>,
    sort: Vec<Sort>,
}

/// What the database allows for an offset.
const MAX_OFFSET: i64 = i32::MAX as i64;

impl Page {
    /// Takes the page's parameters. `columns` are the sort keys that the resource knows; `max_limit`
    /// cuts larger pages silently.
    pub fn take(
        parameters: &mut Parameters,
        columns: &[(&str, &'static str)],
        max_limit: i64,
    ) -> Result<Self> {
        let limit = number(parameters, "limit", i64::MAX)?.unwrap_or(max_limit).min(max_limit);
        let offset = number(parameters, "offset", MAX_OFFSET)?.unwrap_or(0);
        let marker = parameters.take("marker").map(|text| parse_marker(&text)).transpose()?;
        Ok(Self { limit, offset, marker, sort: sort(parameters, columns)? })
    }

    /// The query for this page of what `base` describes.
    pub fn query(&self, base: ListQuery) -> ListQuery {
        ListQuery {
            limit: Some(self.limit),
            offset: self.offset,
            marker: self.marker,
            sort: self.sort.clone(),
            ..base
        }
    }

    /// The link to the next page, present when this one is full. `query` is the query of this one.
    pub fn next_link(
        &self,
        links: &Links,
        collection: &str,
        query: Option<&str>,
        ids: impl DoubleEndedIterator<Item = Uuid> + ExactSizeIterator,
    ) -> Option<Value> {
        let full = i64::try_from(ids.len()).is_ok_and(|count| count >= self.limit);
        let last = ids.last().filter(|_| full)?;
        let mut parameters = Parameters::parse(query).ok()?;
        parameters.take("marker");
        parameters.0.push(("marker".to_owned(), last.to_string()));
        let query = serde_urlencoded::to_string(&parameters.0).ok()?;
        Some(links.next_page(collection, &query))
    }
}

fn number(parameters: &mut Parameters, name: &str, most: i64) -> Result<Option<i64>> {
    let Some(text) = parameters.take(name) else { return Ok(None) };
    let Ok(number) = text.parse::<i64>() else {
        return Err(Error::bad_request(format!("{name} param must be an integer")));
    };
    if number < 0 {
        return Err(Error::bad_request(format!("{name} param must be positive")));
    }
    if number > most {
        return Err(invalid(
            name,
            &json!(number),
            &format!("is greater than the maximum of {most}"),
        ));
    }
    Ok(Some(number))
}

fn parse_marker(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| no_such_marker(text))
}

fn no_such_marker(marker: impl std::fmt::Display) -> Error {
    Error::not_found(format!("Marker {marker} could not be found."))
}

/// The error for a list that could not be made.
pub(crate) fn list_error(error: ListError) -> Error {
    match error {
        ListError::NoSuchMarker(marker) => no_such_marker(marker),
        ListError::Database(error) => error.into(),
    }
}

/// `sort=key:dir,…` or the older `sort_key` and `sort_dir`; newest first by default, then by id.
fn sort(parameters: &mut Parameters, columns: &[(&str, &'static str)]) -> Result<Vec<Sort>> {
    let (keys, direction) = (parameters.take("sort_key"), parameters.take("sort_dir"));
    let spelled = match (parameters.take("sort"), keys, direction) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Error::bad_request(
                "The 'sort_key' and 'sort_dir' parameters are deprecated and cannot be used with the \
                 'sort' parameter.",
            ));
        }
        (Some(sort), None, None) => sort,
        (None, key, direction) => format!(
            "{}:{}",
            key.as_deref().unwrap_or("created_at"),
            direction.as_deref().unwrap_or("desc")
        ),
    };
    let mut sort: Vec<Sort> = Vec::new();
    for part in spelled.trim().split(',') {
        let key = sort_key(part, columns)?;
        // a key that comes again orders nothing any more
        if !sort.iter().any(|earlier| earlier.column == key.column) {
            sort.push(key);
        }
    }
    for fallback in ["created_at", "id"] {
        if !sort.iter().any(|key| key.column == fallback) {
            sort.push(Sort { column: fallback, descending: true });
        }
    }
    Ok(sort)
}

fn sort_key(part: &str, columns: &[(&str, &'static str)]) -> Result<Sort> {
    let (key, direction) = part.split_once(':').unwrap_or((part, "desc"));
    let (key, direction) = (key.trim(), direction.trim());
    let Some((_, column)) = columns.iter().find(|(name, _)| *name == key) else {
        return Err(Error::bad_request(format!("Sort key supplied is invalid: {key}")));
    };
    let descending = match direction {
        "desc" | "" => true,
        "asc" => false,
        _ => {
            return Err(Error::bad_request(format!(
                "Unknown sort direction, must be 'desc' or 'asc', but got '{direction}'."
            )));
        }
    };
    Ok(Sort { column, descending })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[(&str, &str)] =
        &[("created_at", "created_at"), ("id", "id"), ("size", "size_gb"), ("name", "name")];

    fn page(query: &str) -> Result<Page> {
        Page::take(&mut Parameters::parse(Some(query))?, COLUMNS, 1000)
    }

    fn sort_of(query: &str) -> Vec<(&'static str, bool)> {
        page(query).unwrap().sort.iter().map(|key| (key.column, key.descending)).collect()
    }

    #[test]
    fn a_page_is_cut_to_the_largest_allowed() {
        assert_eq!(page("limit=5").unwrap().limit, 5);
        assert_eq!(page("limit=0").unwrap().limit, 0);
        assert_eq!(page("limit=5000").unwrap().limit, 1000);
        assert_eq!(page("").unwrap().limit, 1000);
    }

    #[test]
    fn malformed_pages_are_refused() {
        for query in [
            "limit=-1",
            "limit=x",
            "offset=-1",
            "offset=4294967296",
            "marker=x",
            "sort=what",
            "sort=size:up",
            "sort=size&sort_key=size",
        ] {
            assert!(page(query).is_err(), "{query}");
        }
    }

    #[test]
    fn sorting_always_ends_in_a_total_order() {
        assert_eq!(sort_of(""), [("created_at", true), ("id", true)]);
        assert_eq!(
            sort_of("sort=size:asc"),
            [("size_gb", false), ("created_at", true), ("id", true)]
        );
        assert_eq!(
            sort_of("sort_key=name&sort_dir=asc"),
            [("name", false), ("created_at", true), ("id", true)]
        );
        assert_eq!(sort_of("sort=id:asc,created_at"), [("id", false), ("created_at", true)]);
    }
}
