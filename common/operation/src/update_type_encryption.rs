//! `update_type_encryption`: say how volumes of a kind are encrypted.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::shared::TYPE_UNUSED;
use super::precondition::{Of, Precondition};
use model::{Caller, Error, VolumeTypeId, volume_type::Encryption};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_type_encryption`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateTypeEncryption {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// Whether there must be an encryption already, or must not.
    pub is_there: bool,
    /// The new one; `None` for none.
    pub encryption: Option<Encryption>,
}

const ENCRYPTION_CHANGES: Precondition = Precondition {
    name: "encryption_changes",
    meaning: "the type has an encryption that can be changed or removed, or has none where it \
              shall get one",
    refusal: &Of::<UpdateTypeEncryption>(|update, row| {
        let id = row.text("id");
        if update.is_there {
            Error::not_found(format!("Volume type encryption for type {id} does not exist."))
        } else {
            Error::bad_request(format!("Volume type encryption for type {id} already exists."))
        }
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "change the encryption of a volume type",
    class: Class::Record,
    subject: Touch {
        preconditions: &[TYPE_UNUSED, ENCRYPTION_CHANGES],
        ..Touch::keeping_status(Resource::VolumeType)
    },
    others: &[],
    written_on_admission: &["encryption"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateTypeEncryption {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "encryption": self.encryption }))
    }
}
