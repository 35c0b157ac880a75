//! `update_snapshot`: change what is remembered of a snapshot: name, description, metadata.

use super::change::{MetadataChange, absent_or_null};
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, Precondition};
use super::update_volume::{self, METADATA_FITS, no_such_key};
use model::{Caller, SnapshotId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_snapshot`. What is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateSnapshot {
    /// Which snapshot.
    pub snapshot_id: SnapshotId,
    /// The new name; `Some(None)` takes it away.
    #[serde(default, with = "absent_or_null", skip_serializing_if = "Option::is_none")]
    pub name: Option<Option<String>>,
    /// The new description; `Some(None)` takes it away.
    #[serde(default, with = "absent_or_null", skip_serializing_if = "Option::is_none")]
    pub description: Option<Option<String>>,
    /// The change of the metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataChange>,
}

const HAS_METADATA_KEY: Precondition = Precondition {
    refusal: &Of::<UpdateSnapshot>(|update, row| no_such_key(update.metadata.as_ref(), row)),
    ..update_volume::HAS_METADATA_KEY
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change a snapshot's name, description or metadata",
    class: Class::Record,
    subject: Touch {
        preconditions: &[HAS_METADATA_KEY, METADATA_FITS],
        ..Touch::keeping_status(Resource::Snapshot)
    },
    others: &[],
    written_on_admission: &["name", "description", "metadata"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateSnapshot {
    fn subject(&self) -> Uuid {
        self.snapshot_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let mut columns = Columns::none();
        if let Some(name) = &self.name {
            columns.set.insert("name".to_owned(), json!(name));
        }
        if let Some(description) = &self.description {
            columns.set.insert("description".to_owned(), json!(description));
        }
        if let Some(metadata) = &self.metadata {
            columns.add(metadata.column("metadata"));
        }
        columns
    }
}
