//! Quotas, as readers see them: limits that were set, and what is used.

use super::{Database, DbError};
use model::quota::Limits;
use serde::{Deserialize, Serialize};
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
            'usage', (select coalesce(jsonb_object_agg(u.resource, jsonb_build_object( \
                          'in_use', u.used - coalesce(r.amount, 0), 'reserved', coalesce(r.amount, 0))), '{}') \
                      from quota_usages u \
                      left join reserved_quota r on r.project_id = u.project_id and r.resource = u.resource \
                      where u.project_id = $1), \
            'types', (select coalesce(jsonb_object_agg(name, id), '{}') \
                      from volume_types where deleted_at is null))";
    Ok(database.row(sql, &[&project, &class]).await?.unwrap_or_default())
}

/// A usage that is not what the rows of volumes and snapshots come to.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Drift {
    /// The project.
    pub project_id: String,
    /// What is limited.
    pub resource: String,
    /// What is recorded as used.
    pub used: i64,
    /// What there is.
    pub counted: i64,
}

/// Usages that are not what the rows come to; reservations of what is in progress show here, too.
///
/// # Errors
/// When the database does not answer.
pub async fn drift(database: &Database) -> Result<Vec<Drift>, DbError> {
    database.rows("select to_jsonb(d) from quota_drift d order by project_id, resource", &[]).await
}

/// Records what there is as used, wherever it differs. Returns for how many usages. Only where no
/// operation is in progress: otherwise its reservation would be lost, and nothing is changed.
///
/// # Errors
/// When the database does not answer.
pub async fn sync(database: &Database) -> Result<u64, DbError> {
    let corrected: Option<u64> = database.row("select to_jsonb(sync_quota())", &[]).await?;
    Ok(corrected.unwrap_or(0))
}
