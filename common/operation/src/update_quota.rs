//! `update_quota`: say how much a project may have.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use super::precondition::{Of, Precondition};
use model::{Caller, Error, quota};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_quota`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateQuota {
    /// Which project.
    pub project: String,
    /// The limits that change, by what they limit.
    pub limits: quota::Limits,
}

const LIMITS_COVER_USAGE: Precondition = Precondition {
    name: "limits_cover_usage",
    meaning: "the limits allow what the project uses",
    refusal: &Of::<UpdateQuota>(|update, _| {
        Error::bad_request(format!(
            "Quota limits {} are less than the current usage of project {}.",
            json!(update.limits),
            json!(update.project)
        ))
    }),
};

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the quota limits of a project",
    class: Class::Record,
    subject: Touch {
        preconditions: &[LIMITS_COVER_USAGE],
        ..Touch::keeping_status(Resource::Project)
    },
    others: &[],
    written_on_admission: &["quota"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateQuota {
    fn subject(&self) -> Uuid {
        quota::id_of(&self.project)
    }

    fn base(&self) -> Option<Columns> {
        Some(Columns::set(json!({ "id": self.subject(), "project_id": self.project })))
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let limits = [("quota".to_owned(), json!(self.limits))];
        Columns { merge: limits.into_iter().collect(), ..Columns::none() }
    }
}
