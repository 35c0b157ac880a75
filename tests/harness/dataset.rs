//! Volumes, snapshots and ended operations, as many as an installation has after years.

use anyhow::Context;
use std::fmt::Write as _;
use std::ops::Range;
use tokio_postgres::Client;

/// How many projects own the volumes.
pub const PROJECTS: u64 = 1000;

/// How many of each there are.
#[derive(Clone, Copy)]
pub struct Size {
    /// Volumes.
    pub volumes: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Ended operations.
    pub operations: u64,
}

impl Size {
    /// That of an installation with so many volumes: a snapshot of every fifth, two operations on each.
    #[must_use]
    pub const fn of(volumes: u64) -> Self {
        Self { volumes, snapshots: volumes / 5, operations: volumes * 2 }
    }
}

/// The project of the volumes with a number.
#[must_use]
pub fn project(number: u64) -> String {
    format!("project-{number}")
}

/// Adds what is missing to a database that was filled to `from`, spread over all its backends whose names begin with `on`.
///
/// # Errors
/// When the database does not take it.
pub async fn fill(database: &Client, on: &str, from: Size, to: Size) -> anyhow::Result<()> {
    let mut sql = "set synchronous_commit = off; set statement_timeout = 0;\n".to_owned();
    for (count, statement) in [
        (from.volumes..to.volumes, VOLUMES),
        (from.snapshots..to.snapshots, SNAPSHOTS),
        (from.operations..to.operations, OPERATIONS),
    ] {
        let statement = statement
            .replace("{first}", &count.start.to_string())
            .replace("{end}", &count.end.to_string())
            .replace("{projects}", &PROJECTS.to_string())
            .replace("{backends}", &format!("name like '{on}%'"));
        let _ = writeln!(sql, "{statement};");
    }
    sql.push_str("select sync_quota(); reset statement_timeout; reset synchronous_commit;");
    database.batch_execute(&sql).await.context("filling the database")
}

/// Gives volumes, by their numbers, to a backend, on which they are replicated.
///
/// # Errors
/// When the database does not take it.
pub async fn replicate(
    database: &Client,
    backend: &str,
    volumes: Range<u64>,
) -> anyhow::Result<()> {
    let sql = "update volumes set replicated = true, replication_status = 'enabled', \
                                  backend_id = (select id from backends where name = $1) \
               where id in (select md5('volume ' || n)::uuid from generate_series($2::bigint, $3::bigint - 1) n)";
    let (start, end) = (i64::try_from(volumes.start)?, i64::try_from(volumes.end)?);
    let changed = database.execute(sql, &[&backend, &start, &end]).await?;
    anyhow::ensure!(changed == volumes.end - volumes.start, "there are only {changed} volumes");
    Ok(())
}

/// Lets it be so long ago that a tenth of everything was removed, or ended, but for backends whose names begin otherwise than
/// with `on`; returns how many rows that are.
///
/// # Errors
/// When the database does not take it.
pub async fn remove_a_tenth(database: &Client, on: &str, ago: &str) -> anyhow::Result<i64> {
    let sql = format!(
        "with v as (update volumes set deleted_at = now() - interval '{ago}', status = 'deleted' \
                    where name like 'volume-%5' and backend_id in (select id from backends where name like '{on}%') \
                    returning id), \
              s as (update snapshots set deleted_at = now() - interval '{ago}', status = 'deleted' \
                    from v where volume_id = v.id returning 1), \
              o as (update operations set finished_at = now() - interval '{ago}' \
                    where request_id like 'req-%5' returning 1) \
         select (select count(*) from v) + (select count(*) from s) + (select count(*) from o)"
    );
    database.batch_execute("set statement_timeout = 0").await?;
    Ok(database.query_one(&sql, &[]).await?.get(0))
}

const VOLUMES: &str = "\
insert into volumes (id, project_id, user_id, backend_id, pool, availability_zone, volume_type_id, name, size_gb, status,
                     metadata, created_at)
select md5('volume ' || n)::uuid, 'project-' || n % {projects}, 'user', b.ids[1 + n % cardinality(b.ids)], 'pool', 'nova',
       t.id, 'volume-' || n, 1, 'available', jsonb_build_object('number', n::text), now() - n * interval '1 s'
from generate_series({first}::bigint, {end}::bigint - 1) n,
     (select array_agg(id order by name) as ids from backends where {backends}) b,
     (select id from volume_types where name = '__DEFAULT__') t";

const SNAPSHOTS: &str = "\
insert into snapshots (id, project_id, user_id, volume_id, volume_type_id, name, size_gb, status, created_at)
select md5('snapshot ' || n)::uuid, 'project-' || n % {projects}, 'user', md5('volume ' || n)::uuid, t.id,
       'snapshot-' || n, 1, 'available', now() - n * interval '1 s'
from generate_series({first}::bigint, {end}::bigint - 1) n,
     (select id from volume_types where name = '__DEFAULT__') t";

const OPERATIONS: &str = "\
insert into operations (id, request_id, user_id, project_id, kind, arguments, subject_table, subject_id, backend_id,
                        backend_epoch, state, fence, attempts, created_at, finished_at)
select md5('operation ' || n)::uuid, 'req-' || n, 'user', 'project-' || n % {projects}, 'create_volume', '{}', 'volumes',
       md5('volume ' || n / 2)::uuid, b.ids[1 + n / 2 % cardinality(b.ids)], 1, 'done', n, 1,
       now() - n * interval '1 s', now() - n * interval '1 s'
from generate_series({first}::bigint, {end}::bigint - 1) n,
     (select array_agg(id order by name) as ids from backends where {backends}) b";
