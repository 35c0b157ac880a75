//! Attachments, as readers see them, and the data paths that they keep open.

use super::columns::column;
use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{AttachMode, Attachment, AttachmentId, BackendId, Volume, VolumeId};
use postgres_types::Json;
use serde::Deserialize;
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for Attachment {
    const VIEW: &'static str = "attachment_details";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The attachment with this id, unless it is over or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: AttachmentId,
    project_scope: Option<&str>,
) -> Result<Option<Attachment>, DbError> {
    listing::find(database, id.0, project_scope).await
}

/// The attachments of a volume.
///
/// # Errors
/// When the database does not answer.
pub async fn of_volume(database: &Database, volume: VolumeId) -> Result<Vec<Attachment>, DbError> {
    database
        .rows(
            "select to_jsonb(a) from attachment_details a \
             where volume_id = $1 and deleted_at is null order by created_at",
            &[&volume.0],
        )
        .await
}

/// A data path that servers were told of.
#[derive(Clone, Debug, Deserialize)]
pub struct Exported {
    /// The volume.
    pub volume: Volume,
    /// Whether it can be written to.
    pub mode: AttachMode,
}

/// The data paths of a backend that must be open, however many volumes it has.
///
/// # Errors
/// When the database does not answer.
pub async fn exported(database: &Database, backend: BackendId) -> Result<Vec<Exported>, DbError> {
    let sql = "select jsonb_build_object('volume', to_jsonb(v), 'mode', a.mode) \
               from volume_details v, \
                    lateral (select distinct attach_mode as mode from attachments \
                             where volume_id = v.id and deleted_at is null \
                               and connection_info is not null) a \
               where v.backend_id = $1 and v.deleted_at is null \
                 and v.replication_status not in ('not-capable', 'failover-error')";
    let rows = database.typed_rows_without_time_limit(sql, &[&backend.0]).await?;
    rows.iter().map(|row| Ok(column::<Json<Exported>>(row, 0)?.0)).collect()
}
