//! `update_volume_type`: change the name, description or visibility of a kind of volume.

use super::change::absent_or_null;
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{Caller, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use uuid::Uuid;

/// The arguments of `update_volume_type`. What is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateVolumeType {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// Its new unique name.
    pub name: Option<String>,
    /// The new description; `Some(None)` takes it away.
    #[serde(default, with = "absent_or_null", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// Whether every project may use it.
    pub is_public: Option<bool>,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change the name, description or visibility of a volume type",
    class: Class::Record,
    subject: Touch::keeping_status(Resource::VolumeType),
    others: &[],
    written_on_admission: &["name", "description", "is_public"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateVolumeType {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let mut set = Map::new();
        if let Some(name) = &self.name {
            set.insert("name".to_owned(), json!(name));
        }
        if let Some(description) = &self.description {
            set.insert("description".to_owned(), json!(description));
        }
        if let Some(is_public) = self.is_public {
            set.insert("is_public".to_owned(), json!(is_public));
        }
        Columns { set, ..Columns::none() }
    }
}
