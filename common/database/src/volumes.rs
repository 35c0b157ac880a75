//! Volumes, as readers see them. Changes come through admitted operations alone.

use super::listing::{self, ListQuery, Listed};
use super::{Database, DbError};
use model::{BackendId, Metadata, Volume, VolumeId};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

impl Listed for Volume {
    const VIEW: &'static str = "volume_details";

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The volume with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: VolumeId,
    project_scope: Option<&str>,
) -> Result<Option<Volume>, DbError> {
    listing::find(database, id.0, project_scope).await
}

/// All volumes on a backend.
///
/// # Errors
/// When the database does not answer.
pub async fn of_backend(database: &Database, backend: BackendId) -> Result<Vec<Volume>, DbError> {
    let sql =
        "select to_jsonb(v) from volume_details v where backend_id = $1 and deleted_at is null";
    database.rows(sql, &[&backend.0]).await
}

/// What is to be replicated.
#[derive(Clone, Debug, Deserialize)]
pub struct ToReplicate {
    /// When that was asked, by the database's clock.
    #[serde(with = "time::serde::rfc3339")]
    pub asked_at: OffsetDateTime,
    /// The volumes.
    pub volumes: Vec<Volume>,
}

/// The volumes on a backend that are to be replicated now: those that are there, and on no way elsewhere.
/// `None` while the backend does not serve from its primary, or begins to serve from another one.
///
/// # Errors
/// When the database does not answer.
pub async fn to_replicate(
    database: &Database,
    backend: BackendId,
) -> Result<Option<ToReplicate>, DbError> {
    let sql = "select jsonb_build_object('asked_at', statement_timestamp(), 'volumes', ( \
                   select coalesce(jsonb_agg(v), '[]') from volume_details v \
                   where v.backend_id = b.id and v.deleted_at is null and v.replicated \
                     and v.replication_status = 'enabled' \
                     and v.status in ('available', 'reserved', 'attaching', 'in-use', 'detaching'))) \
               from backends b where b.id = $1 and b.active_backend_id is null \
                 and b.replication_status in ('enabled', 'failover-error')";
    database.row(sql, &[&backend.0]).await
}

/// Records how far the replicas of a backend's volumes are: those in sync, and those that lack something. What is
/// in neither list keeps what was recorded, as long as it is replicated.
///
/// # Errors
/// When the database does not answer.
pub async fn record_replicas(
    database: &Database,
    backend: BackendId,
    in_sync: &[VolumeId],
    out_of_sync: &[VolumeId],
    driver_data: Option<&str>,
) -> Result<(), DbError> {
    let ids = |volumes: &[VolumeId]| volumes.iter().map(|id| id.0).collect::<Vec<uuid::Uuid>>();
    let sql = "select record_replicas($1, $2, $3, $4)";
    let (in_sync, out_of_sync) = (ids(in_sync), ids(out_of_sync));
    database.execute(sql, &[&backend.0, &in_sync, &out_of_sync, &driver_data]).await.map(drop)
}

/// What many volumes come to.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Summary {
    /// How many.
    pub count: i64,
    /// Their sizes in all, in GiB.
    pub size_gb: i64,
    /// The metadata of each that has any.
    pub metadata: Vec<Metadata>,
}

/// What the volumes come to that the query's filters match.
///
/// # Errors
/// When the database does not answer.
pub async fn summary(database: &Database, query: &ListQuery) -> Result<Summary, DbError> {
    let expression = "jsonb_build_object('count', count(*), 'size_gb', coalesce(sum(v.size_gb), 0), \
        'metadata', coalesce(jsonb_agg(v.metadata) filter (where v.metadata <> '{}'), '[]'))";
    Ok(listing::aggregate::<Volume, _>(database, query, expression).await?.unwrap_or_default())
}
