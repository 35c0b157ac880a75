//! `update_backup`: change what is remembered of a backup: name, description, metadata.

use super::change::{MetadataChange, absent_or_null};
use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{BackupId, Caller};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_backup`. What is `None` stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateBackup {
    /// Which backup.
    pub backup_id: BackupId,
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

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change a backup's name, description or metadata",
    class: Class::Record,
    subject: Touch::keeping_status(Resource::Backup),
    others: &[],
    written_on_admission: &["name", "description", "metadata"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateBackup {
    fn subject(&self) -> Uuid {
        self.backup_id.0
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
