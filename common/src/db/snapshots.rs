//! Snapshots, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, ListError, ListQuery};
use super::{Database, DbError};
use crate::model::{BackendId, Snapshot, SnapshotId, VolumeId};

const VIEW: &str = "snapshot_details";

/// The snapshot with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: SnapshotId,
    project_scope: Option<&str>,
) -> Result<Option<Snapshot>, DbError> {
    database
        .row(
            "select to_jsonb(s) from snapshot_details s where id = $1 and deleted_at is null \
             and project_id = coalesce($2, project_id)",
            &[&id.0, &project_scope],
        )
        .await
}

/// The snapshots of a volume, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn of_volume(database: &Database, volume: VolumeId) -> Result<Vec<Snapshot>, DbError> {
    database
        .rows(
            "select to_jsonb(s) from snapshot_details s \
             where volume_id = $1 and deleted_at is null order by created_at desc",
            &[&volume.0],
        )
        .await
}

/// All snapshots on a backend.
///
/// # Errors
/// When the database does not answer.
pub async fn of_backend(database: &Database, backend: BackendId) -> Result<Vec<Snapshot>, DbError> {
    let sql =
        "select to_jsonb(s) from snapshot_details s where backend_id = $1 and deleted_at is null";
    database.rows(sql, &[&backend.0]).await
}

/// A page of snapshots.
///
/// # Errors
/// When the marker names no snapshot, or the database does not answer.
pub async fn list(database: &Database, query: &ListQuery) -> Result<Vec<Snapshot>, ListError> {
    listing::list(database, VIEW, query).await
}

/// How many snapshots the query's filters match.
///
/// # Errors
/// When the database does not answer.
pub async fn count(database: &Database, query: &ListQuery) -> Result<i64, DbError> {
    listing::count(database, VIEW, query).await
}
