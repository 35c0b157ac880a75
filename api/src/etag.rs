//! Entity tags of metadata, since 3.15: who read one version does not overwrite another.

use axum::http::{HeaderMap, HeaderValue, header};
use model::{Error, ErrorKind, Metadata, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Since this version metadata has entity tags.
pub(crate) const SINCE: u16 = 15;

/// The tag of a version of metadata.
pub(crate) fn of(metadata: &Metadata) -> Option<HeaderValue> {
    let digest = Sha256::digest(json!(metadata).to_string());
    let hexadecimal: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::from_str(&format!("\"{hexadecimal}\"")).ok()
}

/// Whether the request is meant for this version of the metadata: `true` when it says so, `false` when
/// it says nothing.
///
/// # Errors
/// A 412 when it is meant for another one.
pub(crate) fn matches(headers: &HeaderMap, metadata: &Metadata) -> Result<bool> {
    let Some(wanted) = headers.get(header::IF_MATCH) else { return Ok(false) };
    let current = of(metadata);
    let wanted = wanted.to_str().unwrap_or_default();
    let fits = wanted == "*"
        || wanted
            .split(',')
            .any(|tag| current.as_ref().is_some_and(|current| current == tag.trim()));
    if fits {
        Ok(true)
    } else {
        Err(Error::new(ErrorKind::PreconditionFailed, "The metadata has changed."))
    }
}
