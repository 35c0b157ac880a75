//! Quotas, as readers see them: limits that were set, and what is used.

use super::{Database, DbError};
use crate::model::quota::Limits;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The class that every project belongs to.
pub const DEFAULT_CLASS: &str = "default";

/// What was set for a project, and what it uses.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Quota {
    /// The limits of the project.
    pub limits: Limits,
    /// The limits of the class.
    pub class_limits: Limits,
    /// What is used.
    pub usage: BTreeMap<String, Usage>,
    /// The volume types, name to id.
    pub types: BTreeMap<String, String>,
}

/// How much of something is used.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Usage {
    /// By what is there.
    pub in_use: i64,
    /// By what is being made.
    pub reserved: i64,
}

/// The quota of a project, in view of a class of limits.
///
/// # Errors
/// When the database does not answer.
pub async fn of(database: &Database, project: &str, class: &str) -> Result<Quota, DbError> {
    let sql = "select jsonb_build_object( \
            'limits', coalesce((select quota from projects where project_id = $1), '{}'), \
            'class_limits', coalesce((select quota from quota_classes where name = $2), '{}'), \
            'usage', (select coalesce(jsonb_object_agg(resource, to_jsonb(u)), '{}') \
                      from quota_usages u where project_id = $1), \
            'types', (select coalesce(jsonb_object_agg(name, id), '{}') \
                      from volume_types where deleted_at is null))";
    Ok(database.row(sql, &[&project, &class]).await?.unwrap_or_default())
}
