//! The columns that an operation writes beside the status.

use serde::Serialize;
use serde_json::{Map, Value};

/// Columns of the subject's row that an operation writes beside the status.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Columns {
    /// Columns that get a value.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub set: Map<String, Value>,
    /// Maps into which these entries are merged.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub merge: Map<String, Value>,
    /// Maps from which these keys are removed.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub remove: Map<String, Value>,
}

impl Columns {
    /// No columns.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds other columns to these.
    pub fn add(&mut self, other: Self) {
        self.set.extend(other.set);
        self.merge.extend(other.merge);
        self.remove.extend(other.remove);
    }

    /// The entries of a JSON object, each a column that gets a value.
    #[must_use]
    pub fn set(values: Value) -> Self {
        match values {
            Value::Object(set) => Self { set, ..Self::default() },
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Self::default(),
        }
    }
}
