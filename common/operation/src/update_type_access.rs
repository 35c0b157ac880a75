//! `update_type_access`: let a project use a private kind of volume, or no longer.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, OfAny, Precondition};
use model::{Caller, Error, ErrorKind, VolumeTypeId};
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

const IS_PRIVATE: Precondition = Precondition {
    name: "is_private",
    meaning: "not every project may use the type",
    refusal: &OfAny(|_| {
        Error::bad_request("Type access modification is not applicable to a public volume type.")
    }),
};

const ACCESS_CHANGES: Precondition = Precondition {
    name: "access_changes",
    meaning: "the project has access where it shall lose it, and none where it shall get it",
    refusal: &Of::<UpdateTypeAccess>(|update, _| {
        let project = json!(update.project);
        if update.allowed {
            let message = format!("Project {project} already has access to the volume type.");
            Error::new(ErrorKind::Conflict, message)
        } else {
            Error::not_found(format!("Project {project} has no access to the volume type."))
        }
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "grant a project access to a private volume type, or revoke it",
    class: Class::Record,
    subject: Touch {
        preconditions: &[IS_PRIVATE, ACCESS_CHANGES],
        ..Touch::keeping_status(Resource::VolumeType)
    },
    others: &[],
    written_on_admission: &["access"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateTypeAccess {
    fn subject(&self) -> Uuid {
        self.volume_type_id.0
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let access = |value: Value| Map::from_iter([("access".to_owned(), value)]);
        if self.allowed {
            let entry = json!({ self.project.as_str(): true });
            Columns { merge: access(entry), ..Columns::none() }
        } else {
            Columns { remove: access(json!([self.project])), ..Columns::none() }
        }
    }
}
