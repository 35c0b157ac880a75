//! Volume types.

use super::{Database, DbError};
use crate::model::VolumeType;

/// The type with this id or name.
///
/// # Errors
/// When the database does not answer.
pub async fn find(database: &Database, id_or_name: &str) -> Result<Option<VolumeType>, DbError> {
    database
        .row(
            "select to_jsonb(t) from volume_types t where id::text = $1 or name = $1 \
             order by id::text = $1 desc limit 1",
            &[&id_or_name],
        )
        .await
}
