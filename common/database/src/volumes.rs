//! Volumes, as readers see them. Changes come through admitted operations alone.

use super::columns::{Columns, column};
use super::listing::{self, ListQuery, Listed};
use super::pool::Parameters;
use super::{Database, DbError};
use model::{
    BackendId, Metadata, ReplicatedVolume, VerificationRequest, Volume, VolumeId, VolumeTypeId,
};
use postgres_types::Json;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for Volume {
    const VIEW: &'static str = "volume_details";
    const COLUMNS: &'static str = "v.id, v.project_id, v.user_id, v.backend_id, v.backend_name, v.cluster_name, v.pool, \
        v.availability_zone, v.volume_type_id, v.volume_type_name, v.name, v.description, v.size_gb, v.status, \
        v.previous_status, v.migration_status, v.bootable, v.multiattach, v.snapshot_id, v.source_volume_id, \
        v.readonly, v.metadata, v.image_metadata, v.attachments, v.front_end_qos, v.replicated, \
        v.replication_status, case when v.replicated then coalesce(v.replication_extended_status, 'unprotected') end, \
        v.replication_driver_data, v.replica_as_of, v.consumes_quota, \
        v.service_id, v.created_at, v.updated_at";

    fn read(row: &Row) -> Result<Self, DbError> {
        let mut columns = Columns::of(row);
        Ok(Self {
            id: VolumeId(columns.next()?),
            project_id: columns.next()?,
            user_id: columns.next()?,
            backend_id: BackendId(columns.next()?),
            backend_name: columns.next()?,
            cluster_name: columns.next()?,
            pool: columns.next()?,
            availability_zone: columns.next()?,
            volume_type_id: VolumeTypeId(columns.next()?),
            volume_type_name: columns.next()?,
            name: columns.next()?,
            description: columns.next()?,
            size_gb: columns.next()?,
            status: columns.word()?,
            previous_status: columns.optional_word()?,
            migration_status: columns.optional_word()?,
            bootable: columns.next()?,
            multiattach: columns.next()?,
            snapshot_id: columns.next()?,
            source_volume_id: columns.next()?,
            readonly: columns.next()?,
            metadata: columns.json()?,
            image_metadata: columns.json()?,
            attachments: columns.json()?,
            front_end_qos: columns.next::<Option<Json<Metadata>>>()?.map(|Json(specs)| specs),
            replicated: columns.next()?,
            replication_status: columns.word()?,
            replication_extended_status: columns.optional_word()?,
            replication_driver_data: columns.next()?,
            replica_as_of: columns.next()?,
            consumes_quota: columns.next()?,
            service_id: columns.next()?,
            created_at: columns.next()?,
            updated_at: columns.next()?,
        })
    }

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

/// All volumes on a backend, however many they are.
///
/// # Errors
/// When the database does not answer.
pub async fn of_backend(database: &Database, backend: BackendId) -> Result<Vec<Volume>, DbError> {
    listing::of_backend(database, backend).await
}

/// What is to be replicated.
#[derive(Clone, Debug)]
pub struct ToReplicate {
    /// When that was asked, by the database's clock.
    pub asked_at: OffsetDateTime,
    /// The volumes.
    pub volumes: Vec<ReplicatedVolume>,
}

/// The volumes on a backend that are to be replicated now: all whose data may be there, whatever their status says, and that
/// no operation is changing.
/// `None` while the backend does not serve from its primary, or begins to serve from another one.
///
/// # Errors
/// When the database does not answer.
pub async fn to_replicate(
    database: &Database,
    backend: BackendId,
) -> Result<Option<ToReplicate>, DbError> {
    let sql = "select statement_timestamp(), v.id, v.size_gb, v.metadata, \
                   case when v.replica_verification_id is distinct from b.verification_id \
                             and v.created_at <= b.verification_asked_at then b.verification_id end, \
                   b.verification_repairs \
               from backends b left join volumes v \
                   on v.backend_id = b.id and v.deleted_at is null and v.replicated \
                   and v.replication_status = 'enabled' \
                   and (v.status in ('available', 'reserved', 'attaching', 'in-use', 'detaching') \
                        or not exists (select from operations o \
                                       where o.state in ('admitted', 'running') and o.subject_id = v.id)) \
               where b.id = $1 and b.active_backend_id is null \
                 and b.replication_status in ('enabled', 'failover-error')";
    let rows = database.typed_rows_without_time_limit(sql, &[&backend.0]).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let asked_at = column(first, 0)?;
    let volumes = rows.iter().filter_map(|row| to_be_replicated(row).transpose());
    Ok(Some(ToReplicate { asked_at, volumes: volumes.collect::<Result<_, _>>()? }))
}

/// The volume of a row; `None` in the only row of a backend that has none.
fn to_be_replicated(row: &Row) -> Result<Option<ReplicatedVolume>, DbError> {
    let Some(id) = column(row, 1)? else { return Ok(None) };
    let Json(metadata) = column(row, 3)?;
    let due: Option<Uuid> = column(row, 4)?;
    let repair = column(row, 5)?;
    let verification = due.map(|id| VerificationRequest { id, repair });
    Ok(Some(ReplicatedVolume {
        id: VolumeId(id),
        size_gb: column(row, 2)?,
        metadata,
        verification,
    }))
}

/// How many volumes are changed in one transaction: others wait for their rows no longer than that takes.
const RECORDED_AT_ONCE: usize = 1000;

/// What a look at the replicas of a backend's volumes has found.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaLook<'a> {
    /// When it began, by the database's clock.
    pub began_at: OffsetDateTime,
    /// The target that they are on.
    pub target: Option<&'a str>,
    /// The volumes whose replicas are in sync.
    pub in_sync: &'a [VolumeId],
    /// Those whose replicas lack something.
    pub out_of_sync: &'a [VolumeId],
}

/// Records how far the replicas of a backend's volumes are. What the look has not found in either state keeps what was recorded, as
/// long as it is replicated; it is as old as the look before. A look of which something could not be recorded does not count as the
/// last one.
///
/// # Errors
/// When the database does not answer.
pub async fn record_replicas(
    database: &Database,
    backend: BackendId,
    look: &ReplicaLook<'_>,
) -> Result<(), DbError> {
    let ids = |volumes: &[VolumeId]| volumes.iter().map(|id| id.0).collect::<Vec<Uuid>>();
    let (in_sync, out_of_sync) = (ids(look.in_sync), ids(look.out_of_sync));
    let mut is_whole = true;
    let sql = "select * from unequal_replicas($1, $2, $3, $4)";
    let parameters: Parameters = &[&backend.0, &in_sync, &out_of_sync, &look.target];
    for unequal in database.typed_rows_without_time_limit(sql, parameters).await? {
        let (status, target): (Option<&str>, Option<&str>) =
            (column(&unequal, 0)?, column(&unequal, 1)?);
        let (is_current, volumes): (bool, Vec<Uuid>) = (column(&unequal, 2)?, column(&unequal, 3)?);
        for some in volumes.chunks(RECORDED_AT_ONCE) {
            let sql = "select record_replicas($1, $2, $3, $4, $5, $6)";
            let parameters: Parameters =
                &[&backend.0, &some, &status, &target, &is_current, &look.began_at];
            let recorded = database.typed_rows_without_time_limit(sql, parameters).await?;
            let recorded: i64 = recorded.first().map_or(Ok(0), |row| column(row, 0))?;
            is_whole &= usize::try_from(recorded).is_ok_and(|recorded| recorded == some.len());
        }
    }
    // what was not recorded would pass for what it was at this look
    if !is_whole {
        return Ok(());
    }
    // last: what has fallen behind since the look before was in sync at that one; and not while a failover writes what it came to
    let sql = "update backends set replicas_looked_at = greatest(replicas_looked_at, $2) \
               where id = (select id from backends where id = $1 for no key update skip locked)";
    database.execute(sql, &[&backend.0, &look.began_at]).await.map(drop)
}

/// Records as of when replicas have everything that are not in sync. What is known of a later moment stays.
///
/// # Errors
/// When the database does not answer.
pub async fn record_replica_ages(
    database: &Database,
    backend: BackendId,
    target: Option<&str>,
    ages: &[(VolumeId, OffsetDateTime)],
) -> Result<(), DbError> {
    for some in ages.chunks(RECORDED_AT_ONCE) {
        let (ids, as_of): (Vec<Uuid>, Vec<OffsetDateTime>) =
            some.iter().map(|(id, as_of)| (id.0, *as_of)).unzip();
        let sql = "select record_replica_ages($1, $2, $3, $4)";
        database.execute(sql, &[&backend.0, &target, &ids, &as_of]).await?;
    }
    Ok(())
}

/// Records what a verification has found: the volumes, and how many bytes of their replicas differed.
///
/// # Errors
/// When the database does not answer.
pub async fn record_verified(
    database: &Database,
    backend: BackendId,
    verification: Uuid,
    found: &[(VolumeId, u64)],
) -> Result<(), DbError> {
    for some in found.chunks(RECORDED_AT_ONCE) {
        let (ids, bytes): (Vec<Uuid>, Vec<i64>) = some
            .iter()
            .map(|(id, bytes)| (id.0, i64::try_from(*bytes).unwrap_or(i64::MAX)))
            .unzip();
        let sql = "select record_verified($1, $2, $3, $4)";
        database.execute(sql, &[&backend.0, &verification, &ids, &bytes]).await?;
    }
    Ok(())
}

/// What many volumes come to.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Summary {
    /// How many.
    pub count: i64,
    /// Their sizes in all, in GiB.
    pub size_gb: i64,
}

/// What the volumes come to that the query's filters match.
///
/// # Errors
/// When the database does not answer.
pub async fn summary(database: &Database, query: &ListQuery) -> Result<Summary, DbError> {
    let expression =
        "jsonb_build_object('count', count(*), 'size_gb', coalesce(sum(v.size_gb), 0))";
    Ok(listing::aggregate::<Volume, _>(database, query, expression).await?.unwrap_or_default())
}

/// The values that each key has in the metadata of the volumes that the query's filters match.
///
/// # Errors
/// When the database does not answer.
pub async fn metadata_values(
    database: &Database,
    query: &ListQuery,
) -> Result<BTreeMap<String, BTreeSet<String>>, DbError> {
    listing::values_of_map::<Volume>(database, query, "metadata").await
}
