//! The nodes of a storage daemon's block graph.

use crate::qmp::{Qmp, QmpError};
use serde_json::{Value, json};
use std::path::Path;

/// Whether there is a node of this name.
pub(crate) async fn has_node(session: &mut Qmp, name: &str) -> Result<bool, QmpError> {
    let nodes = session.execute("query-named-block-nodes", json!({ "flat": true })).await?;
    Ok(contains(&nodes, "node-name", name))
}

/// Whether one of the items of an answer has this value.
pub(crate) fn contains(items: &Value, key: &str, value: &str) -> bool {
    items.as_array().is_some_and(|items| items.iter().any(|item| item[key] == value))
}

/// A node for a file in the format qcow2.
pub(crate) fn image_node(name: &str, file: &Path) -> Value {
    json!({
        "driver": "qcow2", "node-name": name, "discard": "unmap",
        "file": { "driver": "file", "filename": file, "discard": "unmap" },
    })
}

/// A node for a raw file.
pub(crate) fn file_node(name: &str, file: &Path) -> Value {
    json!({
        "driver": "raw", "node-name": name, "discard": "unmap",
        "file": { "driver": "file", "filename": file, "discard": "unmap" },
    })
}
