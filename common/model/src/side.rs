//! The sides of a replicated backend: its primary, and the replication targets.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The storage that a backend's volumes are served from.
///
/// In JSON and in the database it is the column `active_backend_id`: null for the primary, otherwise the target's
/// `backend_id`. Operators write and read the primary as [`Side::DEFAULT`], as they do with Cinder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The backend's own storage.
    #[default]
    Primary,
    /// The replication target of this `backend_id`.
    Target(String),
}

impl Side {
    /// Cinder's word for the primary; no target may have it for its name.
    pub const DEFAULT: &'static str = "default";

    /// The side that an operator names.
    #[must_use]
    pub fn named(name: &str) -> Self {
        if name == Self::DEFAULT { Self::Primary } else { Self::Target(name.to_owned()) }
    }

    /// The target's `backend_id`; `None` for the primary.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        match self {
            Self::Primary => None,
            Self::Target(name) => Some(name),
        }
    }

    /// Whether it is the primary.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        *self == Self::Primary
    }
}

impl fmt::Display for Side {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.target().unwrap_or(Self::DEFAULT))
    }
}

impl Serialize for Side {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.target().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Side {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let target = Option::<String>::deserialize(deserializer)?;
        Ok(target.map_or(Self::Primary, Self::Target))
    }
}

/// Sides by their names, the primary as `default`.
pub mod by_name {
    use super::Side;
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes each side's name.
    ///
    /// # Errors
    /// When the serializer fails.
    pub fn serialize<S: Serializer>(sides: &[Side], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(sides.iter().map(Side::to_string))
    }

    /// Reads each side by its name.
    ///
    /// # Errors
    /// When it is not a list of texts.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Side>, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(names.iter().map(|name| Side::named(name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_primary_is_null_in_json_and_default_for_operators() {
        assert_eq!(json!(Side::Primary), json!(null));
        assert_eq!(Side::named("default"), Side::Primary);
        assert_eq!(Side::Primary.to_string(), "default");
        let target: Side = serde_json::from_value(json!("b")).unwrap();
        assert_eq!((target.to_string().as_str(), &target), ("b", &Side::Target("b".to_owned())));
    }
}
