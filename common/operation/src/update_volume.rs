//! `update_volume`: change what is remembered of a volume: name, description, metadata.

use super::change::{MOST_ITEMS, MetadataChange, absent_or_null};
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, OfAny, Precondition, Row};
use model::{Caller, Error, ErrorKind, Metadata, VolumeId};
use serde::{Deserialize, Serialize};
use serde_json::json;
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

const METADATA_UNCHANGED: Precondition = Precondition {
    name: "metadata_unchanged",
    meaning: "the metadata is what the caller saw (`If-Match`)",
    refusal: &OfAny(|_| {
        Error::new(ErrorKind::PreconditionFailed, "The metadata has changed since it was read.")
    }),
};

pub(super) const HAS_METADATA_KEY: Precondition = Precondition {
    name: "has_metadata_key",
    meaning: "the metadata has the key that is to be removed",
    refusal: &Of::<UpdateVolume>(|update, row| no_such_key(update.metadata.as_ref(), row)),
};

pub(super) const METADATA_FITS: Precondition = Precondition {
    name: "metadata_fits",
    meaning: "the metadata has no more items than it may when the new ones are in it",
    refusal: &OfAny(too_many_items),
};

/// The refusal of more items than there may be.
pub(super) fn too_many_items(row: &Row<'_>) -> Error {
    row.invalid(format!("Metadata may have {MOST_ITEMS} items at most."))
}

/// The refusal to remove a key that the metadata does not have.
pub(super) fn no_such_key(change: Option<&MetadataChange>, row: &Row<'_>) -> Error {
    let key = change.and_then(MetadataChange::removed_key);
    let noun = row.resource().noun();
    Error::not_found(format!("Metadata item {} was not found on the {noun}.", json!(key)))
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change a volume's name, description or metadata",
    class: Class::Record,
    subject: Touch {
        preconditions: &[HAS_METADATA_KEY, METADATA_FITS, METADATA_UNCHANGED],
        ..Touch::keeping_status(Resource::Volume)
    },
    others: &[],
    written_on_admission: &["name", "description", "metadata"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateVolume {
    fn subject(&self) -> Uuid {
        self.volume_id.0
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
