//! Qualities of service, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, ListError, ListQuery};
use super::{Database, DbError};
use crate::model::{QosSpecs, QosSpecsId, VolumeType};

/// The one with this id, unless it is removed.
///
/// # Errors
/// When the database does not answer.
pub async fn find(database: &Database, id: QosSpecsId) -> Result<Option<QosSpecs>, DbError> {
    let sql = "select to_jsonb(q) from qos_specs q where id = $1 and deleted_at is null";
    database.row(sql, &[&id.0]).await
}

/// A page of them.
///
/// # Errors
/// When the marker names none, or the database does not answer.
pub async fn list(database: &Database, query: &ListQuery) -> Result<Vec<QosSpecs>, ListError> {
    listing::list(database, "qos_specs", query).await
}

/// The volume types that have it, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn types_of(database: &Database, id: QosSpecsId) -> Result<Vec<VolumeType>, DbError> {
    let sql = "select to_jsonb(t) from volume_types t \
               where qos_specs_id = $1 and deleted_at is null order by name";
    database.rows(sql, &[&id.0]).await
}
