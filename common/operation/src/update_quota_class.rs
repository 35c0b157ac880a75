//! `update_quota_class`: say how much projects may have for which nothing else was said.

use super::contract::{Class, Columns, Contract, Definition, Resource, Touch};
use model::{Caller, quota};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

/// The arguments of `update_quota_class`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdateQuotaClass {
    /// Which class; projects belong to `default`.
    pub class: String,
    /// The limits that change, by what they limit.
    pub limits: quota::Limits,
}

pub(crate) const CONTRACT: Contract = Contract {
    summary: "set the limits of a quota class",
    class: Class::Record,
    subject: Touch::keeping_status(Resource::QuotaClass),
    others: &[],
    written_on_admission: &["quota"],
    written_at_end: &[],
    effects: &[],
};

impl Definition for UpdateQuotaClass {
    fn subject(&self) -> Uuid {
        quota::id_of(&self.class)
    }

    fn base(&self) -> Option<Columns> {
        Some(Columns::set(json!({ "id": self.subject(), "name": self.class })))
    }

    fn columns_on_admission(&self, _caller: &Caller) -> Columns {
        let limits = [("quota".to_owned(), json!(self.limits))];
        Columns { merge: limits.into_iter().collect(), ..Columns::none() }
    }
}
