//! `set_default_type`: say which kind of volume a project gets when it asks for none.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{Caller, VolumeTypeId, quota};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `set_default_type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetDefaultType {
    /// Which project.
    pub project: String,
    /// The type; `None` for that of the installation.
    pub volume_type_id: Option<VolumeTypeId>,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the default volume type of a project",
    class: Class::Record,
    subject: Touch::keeping_status(Resource::Project),
    others: &[],
    written_on_admission: &["default_volume_type_id"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for SetDefaultType {
    fn subject(&self) -> Uuid {
        quota::id_of(&self.project)
    }

    fn base(&self) -> Option<Columns> {
        Some(Columns::set(json!({ "id": self.subject(), "project_id": self.project })))
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "default_volume_type_id": self.volume_type_id }))
    }
}
