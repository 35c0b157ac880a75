//! Backends: registration, reports, and what readers see. Their conditions change through admitted
//! operations alone.

use super::{Database, DbError};
use model::{Backend, BackendId, BackendReport, ReplicationStatus, Side};
use serde::Deserialize;
use tokio_postgres::types::Json;

/// All backends, by name, without what is allocated on them: its cost does not grow with the volumes.
///
/// # Errors
/// When the database does not answer.
pub async fn list(database: &Database) -> Result<Vec<Backend>, DbError> {
    database.rows("select to_jsonb(b) from backend_details b order by b.name", &[]).await
}

/// All backends, by name, with what is allocated on them: a sum over all volumes, for placement and for the view of
/// the pools.
///
/// # Errors
/// When the database does not answer.
pub async fn list_with_allocation(database: &Database) -> Result<Vec<Backend>, DbError> {
    database
        .rows(
            "select to_jsonb(b) || jsonb_build_object('allocated_gb', coalesce(( \
                 select jsonb_object_agg(pool, gigabytes) \
                 from (select pool, sum(size_gb) as gigabytes from volumes \
                       where backend_id = b.id and deleted_at is null group by pool) p), '{}')) \
             from backend_details b order by b.name",
            &[],
        )
        .await
}

/// Makes the backend known, or learns its id when it is; `enabled` matters only for a new one. A backend that
/// has got targets is replicated from now on, and one that has lost them is not; nothing else of its
/// replication changes, whatever happened to the worker before.
///
/// # Errors
/// When the database does not answer.
pub async fn register(
    database: &Database,
    name: &str,
    availability_zone: &str,
    enabled: bool,
    has_targets: bool,
    clustered: bool,
) -> Result<BackendId, DbError> {
    let id = database
        .row(
            "select to_jsonb(register_backend($1, $2, $3, $4, $5))",
            &[&name, &availability_zone, &enabled, &has_targets, &clustered],
        )
        .await?;
    id.ok_or_else(|| DbError::Defect("registering a backend returned no id".into()))
}

/// The active side of a backend, with its epoch.
#[derive(Clone, Debug, Deserialize)]
pub struct ActiveSide {
    /// The side.
    #[serde(rename = "active_backend_id")]
    pub active: Side,
    /// The number of the epoch.
    pub epoch: i64,
    /// Where its replication stands.
    pub replication_status: ReplicationStatus,
    /// Whether the epoch began with the promotion of a target.
    pub promoted: bool,
    /// The identifier of the storage that holds the volumes, if it is known.
    pub storage_id: Option<String>,
}

/// Binds a backend to the storage that holds its volumes, until a failover ends on another one. `false` when it
/// is bound to another one.
///
/// # Errors
/// When the database does not answer.
pub async fn bind_storage(
    database: &Database,
    backend: BackendId,
    storage_id: &str,
) -> Result<bool, DbError> {
    let sql = "update backends set storage_id = coalesce(storage_id, $2) \
               where id = $1 returning to_jsonb(storage_id = $2)";
    let is_it = database.row(sql, &[&backend.0, &storage_id]).await?;
    is_it.ok_or_else(|| DbError::Defect("the backend is gone".into()))
}

/// The outcome of [`update_host`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostUpdate {
    /// The number of volumes that were moved.
    Moved(i64),
    /// Nothing changed, for this reason.
    Reason(String),
}

/// Moves the volumes of a backend to another one, which is the same storage under a new name. Needs the first to
/// be down, and neither to be frozen, failed over or executing operations.
///
/// # Errors
/// When the database does not answer.
pub async fn update_host(
    database: &Database,
    current: BackendId,
    renamed: BackendId,
) -> Result<HostUpdate, DbError> {
    let updated = database.row("select update_host($1, $2)", &[&current.0, &renamed.0]).await?;
    updated.ok_or_else(|| DbError::Defect("updating a host returned nothing".into()))
}

/// Records the capacity report of a worker, and that the worker is up.
///
/// # Errors
/// When the database does not answer.
pub async fn report(
    database: &Database,
    backend: BackendId,
    report: &BackendReport,
) -> Result<(), DbError> {
    let sql = "update backends set seen_at = clock_timestamp(), report = $2 where id = $1";
    database.execute(sql, &[&backend.0, &Json(report)]).await.map(drop)
}

/// What a project has on a backend.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Usage {
    /// The project.
    pub project_id: String,
    /// How many volumes.
    pub volumes: i64,
    /// Their sizes in all, in GiB.
    pub volume_gb: i64,
    /// How many snapshots.
    pub snapshots: i64,
    /// Their sizes in all, in GiB.
    pub snapshot_gb: i64,
}

impl Usage {
    /// Nothing yet, of all projects together.
    #[must_use]
    pub fn total() -> Self {
        Self { project_id: "(total)".to_owned(), ..Self::default() }
    }
}

impl std::ops::Add<&Self> for Usage {
    type Output = Self;

    fn add(self, other: &Self) -> Self {
        Self {
            project_id: self.project_id,
            volumes: self.volumes + other.volumes,
            volume_gb: self.volume_gb + other.volume_gb,
            snapshots: self.snapshots + other.snapshots,
            snapshot_gb: self.snapshot_gb + other.snapshot_gb,
        }
    }
}

/// What each project has on a backend.
///
/// # Errors
/// When the database does not answer.
pub async fn usage(database: &Database, backend: BackendId) -> Result<Vec<Usage>, DbError> {
    let sql = "select jsonb_build_object('project_id', project_id, \
                   'volumes', count(*) filter (where is_volume), \
                   'volume_gb', coalesce(sum(size_gb) filter (where is_volume), 0), \
                   'snapshots', count(*) filter (where not is_volume), \
                   'snapshot_gb', coalesce(sum(size_gb) filter (where not is_volume), 0)) \
               from (select project_id, size_gb, true as is_volume, backend_id from volume_details \
                     where deleted_at is null \
                     union all \
                     select project_id, size_gb, false, backend_id from snapshot_details \
                     where deleted_at is null) held \
               where backend_id = $1 group by project_id order by project_id";
    database.rows(sql, &[&backend.0]).await
}
