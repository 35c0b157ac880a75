//! How what users say of their resources changes: kept, set, or taken away.

use super::contract::Columns;
use model::Metadata;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The most items of a volume's or snapshot's metadata.
pub const MOST_ITEMS: usize = 128;

/// How metadata changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetadataChange {
    /// These are all there is.
    Replace(Metadata),
    /// These are added or overwritten.
    Merge(Metadata),
    /// This key goes; it must be there.
    RemoveKey(String),
}

impl MetadataChange {
    /// The key that goes, if one does.
    #[must_use]
    pub fn removed_key(&self) -> Option<&str> {
        match self {
            Self::Replace(_) | Self::Merge(_) => None,
            Self::RemoveKey(key) => Some(key),
        }
    }

    /// The change of the column that holds the metadata.
    #[must_use]
    pub fn column(&self, name: &str) -> Columns {
        let entry = |value: Value| Map::from_iter([(name.to_owned(), value)]);
        match self {
            Self::Replace(all) => Columns { set: entry(json!(all)), ..Columns::none() },
            Self::Merge(some) => Columns { merge: entry(json!(some)), ..Columns::none() },
            Self::RemoveKey(key) => Columns { remove: entry(json!([key])), ..Columns::none() },
        }
    }
}

/// Tells an absent field (`None`) from a null one (`Some(None)`).
pub(super) mod absent_or_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Option<Option<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(deserializer).map(Some)
    }
}
