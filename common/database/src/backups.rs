//! Backups, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{Backup, BackupId, VolumeId};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for Backup {
    const VIEW: &'static str = "backup_details";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The backup with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: BackupId,
    project_scope: Option<&str>,
) -> Result<Option<Backup>, DbError> {
    listing::find(database, id.0, project_scope).await
}

/// The newest backup of a volume that an incremental one of it, as of a time, can differ from: one of the project's that is available.
///
/// # Errors
/// When the database does not answer.
pub async fn newest_before(
    database: &Database,
    volume: VolumeId,
    project: &str,
    as_of: Option<OffsetDateTime>,
) -> Result<Option<Backup>, DbError> {
    database
        .row(
            "select to_jsonb(b) from backup_details b \
             where volume_id = $1 and project_id = $2 and status = 'available' and deleted_at is null \
               and coalesce(data_timestamp < $3, true) \
             order by data_timestamp desc limit 1",
            &[&volume.0, &project, &as_of],
        )
        .await
}

/// A backup and those from which it differs, in that order: the last one is a full one, if all are there.
///
/// # Errors
/// When the database does not answer.
pub async fn chain(database: &Database, id: BackupId) -> Result<Vec<Backup>, DbError> {
    database
        .rows(
            "with recursive chain as ( \
                 select id, parent_id, 0 as depth from backups where id = $1 and deleted_at is null \
                 union all \
                 select p.id, p.parent_id, c.depth + 1 \
                 from chain c join backups p on p.id = c.parent_id and p.deleted_at is null) \
                 cycle id set is_cycle using path \
             select to_jsonb(b) from chain c join backup_details b using (id) \
             where not c.is_cycle order by c.depth",
            &[&id.0],
        )
        .await
}

/// Backups of a volume that could not be made, or that were ended while they were made: the snapshots of their moments may be left.
///
/// # Errors
/// When the database does not answer.
pub async fn given_up(database: &Database, volume: VolumeId) -> Result<Vec<BackupId>, DbError> {
    let sql = "select to_jsonb(id) from backups \
               where volume_id = $1 and snapshot_id is null and object_count = 0";
    database.rows(sql, &[&volume.0]).await
}

/// Whether there is a backup of this id, or was one until now.
///
/// # Errors
/// When the database does not answer.
pub async fn is_known(database: &Database, id: BackupId) -> Result<bool, DbError> {
    let sql = "select to_jsonb(exists (select from backups where id = $1))";
    let known: Option<bool> = database.row(sql, &[&id.0]).await?;
    Ok(known.unwrap_or(false))
}

/// Whether another backup has the same data in the store, and will have them when both that are being deleted are: it was imported twice.
///
/// # Errors
/// When the database does not answer.
pub async fn shares_data(database: &Database, backup: &Backup) -> Result<bool, DbError> {
    let sql = "select to_jsonb(exists (select from backups \
                   where (container, service_metadata) = ($1, $2) and id <> $3 and deleted_at is null \
                     and (status <> 'deleting' or id > $3)))";
    let Backup { container, service_metadata, id, .. } = backup;
    let shared: Option<bool> = database.row(sql, &[container, service_metadata, &id.0]).await?;
    Ok(shared.unwrap_or(false))
}
