//! `update_type_encryption`: say how volumes of a kind are encrypted.

use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{Caller, VolumeTypeId, volume_type::Encryption};
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

impl Definition for UpdateTypeEncryption {
    const CONTRACT: Contract = Contract {
        summary: "say how volumes of a kind are encrypted",
        class: Class::Record,
        subject: Touch {
            preconditions: &[Precondition::TypeUnused, Precondition::EncryptionChanges],
            ..Touch::keeping_status(Resource::VolumeType)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        Columns::set(json!({ "encryption": self.encryption }))
    }
}
