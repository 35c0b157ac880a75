//! Backends: registration, reports, and what readers see. Their conditions change through admitted
//! operations alone.

use super::{Database, DbError};
use crate::model::{Backend, BackendId, BackendReport};
use tokio_postgres::types::Json;

/// All backends, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(database: &Database) -> Result<Vec<Backend>, DbError> {
    database
        .rows(
            "select to_jsonb(b) || jsonb_build_object('promised_gb', coalesce(( \
                 select jsonb_object_agg(pool, gigabytes) \
                 from (select pool, sum(size_gb) as gigabytes from volumes \
                       where backend_id = b.id and deleted_at is null group by pool) p), '{}')) \
             from backend_details b order by b.name",
            &[],
        )
        .await
}

/// Makes the backend known, or learns its id when it is; `enabled` matters only for a new one.
///
/// # Errors
/// When the database does not answer.
pub async fn register(
    database: &Database,
    name: &str,
    availability_zone: &str,
    enabled: bool,
) -> Result<BackendId, DbError> {
    let id = database
        .row(
            "insert into backends (name, availability_zone, disabled_at) \
             values ($1, $2, case when $3 then null else now() end) \
             on conflict (name) do update set availability_zone = excluded.availability_zone \
             returning to_jsonb(id)",
            &[&name, &availability_zone, &enabled],
        )
        .await?;
    id.ok_or_else(|| DbError::Defect("registering a backend returned no id".into()))
}

/// Records that a worker is alive and what it says of its backend.
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
