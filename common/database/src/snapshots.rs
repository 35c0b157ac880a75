//! Snapshots, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{BackendId, Snapshot, SnapshotId, VolumeId};
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for Snapshot {
    const VIEW: &'static str = "snapshot_details";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The snapshot with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: SnapshotId,
    project_scope: Option<&str>,
) -> Result<Option<Snapshot>, DbError> {
    listing::find(database, id.0, project_scope).await
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

/// All snapshots on a backend, however many they are.
///
/// # Errors
/// When the database does not answer.
pub async fn of_backend(database: &Database, backend: BackendId) -> Result<Vec<Snapshot>, DbError> {
    listing::of_backend(database, backend).await
}
