//! What must be true whenever nothing is in progress.

use crate::{Cluster, until};
use anyhow::Context;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_postgres::Client;

/// How long operations that are in progress are given to end.
const SETTLE: Duration = Duration::from_secs(10);

/// Rows whose status says that something is in progress, although no live operation touches them.
const ORPHANED: &str = "
    select what || ' ' || id || ' is ' || status
    from (select 'volume' as what, id, status from volumes where deleted_at is null
          union all select 'snapshot', id, status from snapshots where deleted_at is null) r
    where status in ('creating', 'deleting', 'extending', 'reverting', 'restoring', 'retyping',
                     'managing', 'unmanaging', 'maintenance')
      and not exists (select from operations o
                      where o.state in ('admitted', 'running')
                        and (r.id in (o.subject_id, o.volume_id) or r.id = any (o.snapshot_ids)))";

/// Usages that are not what the rows come to.
const DRIFTED: &str = "
    select resource || ' of ' || project_id || ': used ' || used || ', counted ' || counted
    from quota_drift";

/// Deadlocks that PostgreSQL has resolved.
const DEADLOCKS: &str = "
    select deadlocks || ' deadlocks' from pg_stat_database where datname = current_database() and deadlocks > 0";

/// Waits until nothing is in progress, then looks at everything.
///
/// # Errors
/// When something does not end, or is not as it must be.
pub async fn check(cluster: &Cluster) -> anyhow::Result<()> {
    let database = cluster.database().await?;
    until("every operation ends", SETTLE, || async {
        let live = "select count(*) from operations where state in ('admitted', 'running')";
        database.query_one(live, &[]).await.is_ok_and(|row| row.get::<_, i64>(0) == 0)
    })
    .await
    .with_context(|| cluster.logs())?;
    none(&database, "statuses that nobody will change", ORPHANED).await?;
    none(&database, "quota that does not add up", DRIFTED).await?;
    no_deadlocks(&database).await?;
    for (backend, array) in cluster.arrays() {
        for (table, directory) in [("volume", "volumes"), ("snapshot", "snapshots")] {
            same_files(&database, backend, table, &array.join(directory)).await?;
        }
    }
    Ok(())
}

/// Looks whether PostgreSQL has had to resolve a deadlock.
///
/// # Errors
/// When it has.
pub async fn no_deadlocks(database: &Client) -> anyhow::Result<()> {
    none(database, "locks that were taken in different orders", DEADLOCKS).await
}

async fn none(database: &Client, what: &str, sql: &str) -> anyhow::Result<()> {
    let rows = database.query(sql, &[]).await?;
    let found: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    anyhow::ensure!(found.is_empty(), "{what}:\n{}", found.join("\n"));
    Ok(())
}

/// Every row has its file and every file its row; what is in error may have either.
async fn same_files(
    database: &Client,
    backend: &str,
    table: &str,
    directory: &std::path::Path,
) -> anyhow::Result<()> {
    let sql = format!(
        "select id::text, status like '%error%' from {table}_details \
         where deleted_at is null and split_part(backend_name, '@', 2) = $1"
    );
    let rows = database.query(&sql, &[&backend]).await?;
    let in_error: BTreeSet<String> = rows
        .iter()
        .filter(|row| row.get(1))
        .map(|row| format!("{table}-{}", row.get::<_, &str>(0)))
        .collect();
    let expected: BTreeSet<String> =
        rows.iter().map(|row| format!("{table}-{}", row.get::<_, &str>(0))).collect();
    // what was let go stays where it is
    let let_go = format!(
        "select '{table}-' || subject_id from operations where kind = 'unmanage_{table}' and state = 'done'"
    );
    let let_go: BTreeSet<String> =
        database.query(&let_go, &[]).await?.iter().map(|row| row.get(0)).collect();
    let mut found = BTreeSet::new();
    for file in std::fs::read_dir(directory)? {
        found.insert(file?.file_name().display().to_string());
    }
    let differing: Vec<_> = expected
        .symmetric_difference(&found)
        .filter(|name| !in_error.contains(*name) && !let_go.contains(*name))
        .collect();
    anyhow::ensure!(
        differing.is_empty(),
        "rows without files or files without rows: {differing:?}"
    );
    Ok(())
}
