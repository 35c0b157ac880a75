//! `reset_quota`: a project may have what every project may.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{Caller, quota};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `reset_quota`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResetQuota {
    /// Which project.
    pub project: String,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "reset a project to the default quota limits",
    class: Class::Record,
    subject: Touch::keeping_status(Resource::Project),
    others: &[],
    written_on_admission: &["quota"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for ResetQuota {
    fn subject(&self) -> Uuid {
        quota::id_of(&self.project)
    }

    fn base(&self) -> Option<Columns> {
        Some(Columns::set(json!({ "id": self.subject(), "project_id": self.project })))
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        Columns::set(json!({ "quota": {} }))
    }
}
