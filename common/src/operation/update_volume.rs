//! `update_volume`: change what is remembered of a volume: name, description, metadata.

use super::contract::{
    Class, Columns, Contract, Definition, Ending, Precondition, Resource, Role, Runs, StartsFrom, Touch,
    WhileRunning,
};
use crate::model::{Caller, Metadata, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The arguments of `update_volume`. What is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateVolume {
    /// Which volume.
    pub volume_id: VolumeId,
    /// The new name; `Some(None)` takes it away.
    #[serde(default, with = "absent_or_null", skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
    /// The new description; `Some(None)` takes it away.
    #[serde(default, with = "absent_or_null", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// The change of the metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataChange>,
    /// The metadata that the caller saw; if it changed meanwhile, nothing is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_seen: Option<Metadata>,
}

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

/// Tells an absent field (`None`) from a null one (`Some(None)`).
mod absent_or_null {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(
        value: &Option<Option<String>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<String>>, D::Error> {
        Option::<String>::deserialize(deserializer).map(Some)
    }
}

impl Definition for UpdateVolume {
    const CONTRACT: Contract = Contract {
        summary: "change a volume's name, description or metadata",
        class: Class::Record,
        subject: Touch {
            resource: Resource::Volume,
            starts_from: StartsFrom::Anything,
            preconditions: &[Precondition::HasMetadataKey, Precondition::MetadataUnchanged],
            while_running: WhileRunning::Unchanged,
            when_done: Ending::Unchanged,
            when_failed: Ending::Unchanged,
        },
        others: &[],
        runs: Runs::InAdmission,
        quota: &[],
    };

    fn subject(&self) -> Uuid {
        self.volume_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        let mut columns = Columns::none();
        if let Some(name) = &self.name {
            columns.set.insert("name".to_owned(), json!(name));
        }
        if let Some(description) = &self.description {
            columns.set.insert("description".to_owned(), json!(description));
        }
        match &self.metadata {
            None => {}
            Some(MetadataChange::Replace(all)) => {
                columns.set.insert("metadata".to_owned(), json!(all));
            }
            Some(MetadataChange::Merge(some)) => columns.merge = metadata_column(json!(some)),
            Some(MetadataChange::RemoveKey(key)) => columns.remove = metadata_column(json!([key])),
        }
        columns
    }
}

fn metadata_column(value: Value) -> Map<String, Value> {
    Map::from_iter([("metadata".to_owned(), value)])
}
