//! Reading headers.

use axum::http::HeaderMap;

/// The text of a header; `None` where there is none, or an empty one.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().filter(|text| !text.is_empty())
}
