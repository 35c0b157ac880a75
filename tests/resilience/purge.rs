//! What was removed stays for a while, and then goes.

use harness::{Cluster, ClusterBuilder, until};
use std::time::Duration;

async fn count(cluster: &Cluster, sql: &str) -> i64 {
    let Ok(database) = cluster.database().await else { return -1 };
    database.query_one(sql, &[]).await.map_or(-1, |row| row.get(0))
}

#[tokio::test]
async fn removed_rows_and_ended_operations_go_after_their_time_and_nothing_else_does()
-> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let (kept, gone) = (client.available_volume(1).await?, client.available_volume(1).await?);
    client.create_snapshot(&gone).await?;
    client.attach(&gone, "server-1").await?;
    client.detach(&gone).await?;
    client.delete(&format!("/volumes/{gone}?cascade=true")).await?.expect_status(202)?;
    client.wait_for_status(&gone, "deleted").await?;
    harness::invariants::check(&cluster).await?;

    cluster.add_scheduler(&[]).await?;
    let removed = "select count(*) from volumes where deleted_at is not null";
    assert_eq!(count(&cluster, removed).await, 1, "what was removed just now stays");
    let long_ago = "now() - interval '31 days'";
    let database = cluster.database().await?;
    for table in ["volumes", "snapshots", "attachments"] {
        let sql =
            format!("update {table} set deleted_at = {long_ago} where deleted_at is not null");
        assert_eq!(database.execute(&sql, &[]).await?, 1, "{table}");
    }
    let sql = format!("update operations set finished_at = {long_ago}");
    database.execute(&sql, &[]).await?;

    cluster.add_scheduler(&[]).await?;
    until("everything old is purged", Duration::from_secs(10), || async {
        let old = "select (select count(*) from operations) + (select count(*) from snapshots) \
                   + (select count(*) from attachments) \
                   + (select count(*) from volumes where deleted_at is not null)";
        count(&cluster, old).await == 0
    })
    .await?;
    assert_eq!(client.volume_status(&kept).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

/// What hangs on one table delays that table alone.
#[tokio::test]
async fn a_table_that_cannot_be_purged_keeps_no_other_one_from_it() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    cluster.client().available_volume(1).await?;
    let mut database = cluster.database().await?;
    let ended = "update operations set finished_at = now() - interval '31 days'";
    assert_eq!(database.execute(ended, &[]).await?, 1);
    let held = database.transaction().await?;
    held.execute("lock table attachments in share mode", &[]).await?;
    cluster.add_scheduler(&[]).await?;
    until("the operations are purged", Duration::from_secs(10), || async {
        count(&cluster, "select count(*) from operations").await == 0
    })
    .await?;
    held.commit().await?;
    cluster.finish(&["the purge failed"]).await
}
