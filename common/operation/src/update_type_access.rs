//! `update_type_access`: let a project use a private kind of volume, or no longer.

use super::contract::{
    Class, Columns, Contract, Definition, Precondition, Resource, Role, Runs, Touch,
};
use model::{Caller, VolumeTypeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The arguments of `update_type_access`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateTypeAccess {
    /// Which volume type.
    pub volume_type_id: VolumeTypeId,
    /// Which project.
    pub project: String,
    /// Whether it may use the type from now on.
    pub allowed: bool,
}

impl Definition for UpdateTypeAccess {
    const CONTRACT: Contract = Contract {
        summary: "let a project use a private kind of volume, or no longer",
        class: Class::Record,
        subject: Touch {
            preconditions: &[Precondition::IsPrivate, Precondition::AccessChanges],
            ..Touch::keeping_status(Resource::VolumeType)
        },
        others: &[],
        runs: Runs::InAdmission,
    };

    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _role: Role, _caller: &Caller) -> Columns {
        let access = |value: Value| Map::from_iter([("access".to_owned(), value)]);
        if self.allowed {
            let entry = json!({ self.project.as_str(): true });
            Columns { merge: access(entry), ..Columns::none() }
        } else {
            Columns { remove: access(json!([self.project])), ..Columns::none() }
        }
    }
}
