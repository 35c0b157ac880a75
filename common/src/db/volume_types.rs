//! Volume types, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, ListError, ListQuery};
use super::{Database, DbError};
use crate::model::VolumeType;

/// The type with this id or name, unless it is removed or private to other projects than
/// `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id_or_name: &str,
    project_scope: Option<&str>,
) -> Result<Option<VolumeType>, DbError> {
    database
        .row(
            "select to_jsonb(t) from volume_types t \
             where (id::text = $1 or name = $1) and deleted_at is null \
               and ($2::text is null or is_public or access ? $2) \
             order by id::text = $1 desc limit 1",
            &[&id_or_name, &project_scope],
        )
        .await
}

/// A page of volume types.
///
/// # Errors
/// When the marker names no type, or the database does not answer.
pub async fn list(database: &Database, query: &ListQuery) -> Result<Vec<VolumeType>, ListError> {
    listing::list(database, "volume_types", query).await
}
