//! The service registry: which processes report that they are alive.

use super::{Database, DbError};
use model::{BackendId, Binary, Metadata, Service};
use tokio_postgres::types::Json;
use uuid::Uuid;

/// A process as it announces itself.
#[derive(Clone, Debug)]
pub struct ServiceRegistration {
    /// What kind of service it is.
    pub binary: Binary,
    /// `host`, or `host@backend` for a volume service.
    pub host: String,
    /// The backend that it works for.
    pub backend_id: Option<BackendId>,
    /// The backends to whose volumes it has access, if it is a backup service.
    pub reached: Vec<BackendId>,
    /// The zone it serves.
    pub availability_zone: String,
    /// This start of the process.
    pub boot_id: Uuid,
}

/// Records a heartbeat; the first one registers the service. With the epoch of its backend a volume service
/// confirms that it works on the side of that epoch.
///
/// # Errors
/// When the database does not answer.
pub async fn heartbeat(
    database: &Database,
    service: &ServiceRegistration,
    log_levels: &Metadata,
    epoch: Option<i64>,
) -> Result<(), DbError> {
    let reached: Vec<_> = service.reached.iter().map(|id| id.0).collect();
    database
        .reserved()
        .execute(
            "insert into services (binary_name, host, backend_id, availability_zone, boot_id, log_levels, \
                                   epoch, reached, seen_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp()) \
             on conflict (binary_name, host) do update \
             set backend_id = excluded.backend_id, availability_zone = excluded.availability_zone, \
                 boot_id = excluded.boot_id, log_levels = excluded.log_levels, \
                 epoch = excluded.epoch, reached = excluded.reached, seen_at = excluded.seen_at",
            &[
                &service.binary.as_str(),
                &service.host,
                &service.backend_id.map(|id| id.0),
                &service.availability_zone,
                &service.boot_id,
                &Json(log_levels),
                &epoch,
                &reached,
            ],
        )
        .await
        .map(drop)
}

/// Records what the services of a kind log on a host from now on.
///
/// # Errors
/// When the database does not answer.
pub async fn record_log_levels(
    database: &Database,
    binary: &str,
    host: &str,
    log_levels: &Metadata,
) -> Result<(), DbError> {
    let sql = "update services set log_levels = $3 \
               where binary_name = $1 and split_part(host, '@', 1) = $2";
    database.execute(sql, &[&binary, &host, &Json(log_levels)]).await.map(drop)
}

/// Records an orderly stop: the service, and the backend if no other worker is there for it, count as down at
/// once.
///
/// # Errors
/// When the database does not answer.
pub async fn record_stop(
    database: &Database,
    service: &ServiceRegistration,
) -> Result<(), DbError> {
    database
        .execute(
            "with stopped as ( \
                 update services set seen_at = null where host = $1 and binary_name = $2 and boot_id = $3 \
                 returning backend_id) \
             update backends b set seen_at = null from stopped where b.id = stopped.backend_id \
               and not exists (select from services other where other.backend_id = b.id \
                               and other.boot_id <> $3 and seen_recently(other.seen_at))",
            &[&service.host, &service.binary.as_str(), &service.boot_id],
        )
        .await
        .map(drop)
}

/// The registered services, by kind and host.
///
/// # Errors
/// When the database does not answer.
pub async fn list(database: &Database) -> Result<Vec<Service>, DbError> {
    database
        .rows("select to_jsonb(s) || jsonb_build_object('binary', binary_name) from service_details s order by binary_name, host", &[])
        .await
}

/// Lets others go on with what a process that is dead was executing. Returns how many operations that are.
///
/// # Errors
/// When the database does not answer.
pub async fn release_operations(database: &Database, service: &Service) -> Result<i64, DbError> {
    let count = database.row("select to_jsonb(expire_leases_of($1))", &[&service.boot_id]).await?;
    Ok(count.unwrap_or(0))
}

/// Forgets a service that is down. `false` when there is none of the name, or it is up.
///
/// # Errors
/// When the database does not answer.
pub async fn remove(database: &Database, binary: Binary, host: &str) -> Result<bool, DbError> {
    let sql = "delete from services \
               where binary_name = $1 and host = $2 and not seen_recently(seen_at)";
    Ok(database.execute(sql, &[&binary.as_str(), &host]).await? > 0)
}
