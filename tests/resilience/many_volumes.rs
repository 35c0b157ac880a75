//! More volumes on a backend than a statement can look at within the time that statements have.

use anyhow::Context as _;
use harness::dataset::{self, Size};
use harness::{BackendSpec, ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

const VOLUMES: u64 = 40_000;

/// An operation in progress on every volume; nobody is told of them, and for an hour no sweep looks for them.
const IN_PROGRESS: &str = "
    insert into operations (id, request_id, user_id, project_id, kind, arguments, subject_table, subject_id, backend_id,
                            backend_epoch, state, columns_when_failed, created_at)
    select gen_random_uuid(), 'req', 'user', project_id, 'extend_volume', jsonb_build_object('volume_id', id, 'new_size_gb', 2),
           'volumes', id, backend_id, 1, 'admitted', '{\"status\": \"error_extending\"}', now() + interval '1 hour'
    from volumes";

#[tokio::test]
async fn a_failover_of_many_volumes_has_the_time_that_it_needs() -> anyhow::Result<()> {
    let target = "[[backends.a.replication_device]]\nbackend_id = 'b'\n".to_owned();
    let backend = BackendSpec { name: "a".to_owned(), driver: "fake", settings: target };
    let mut cluster = ClusterBuilder::for_test().await?.backend(backend).start().await?;
    cluster.schedulers.clear();
    cluster.workers.clear();
    let database = cluster.database().await?;
    let size = Size { volumes: VOLUMES, snapshots: 0, operations: 0 };
    dataset::fill(&database, "host@a", Size::of(0), size).await?;
    dataset::replicate(&database, "host@a", 0..VOLUMES).await?;
    let in_progress = database.execute(IN_PROGRESS, &[]).await?;
    assert_eq!(in_progress, VOLUMES);

    let short = [("CINDERBLOCK__DATABASE__STATEMENT_TIMEOUT_MS", "500")];
    cluster.add_scheduler(&short).await?;
    cluster.add_serving_worker(&short).await?;
    cluster.wait_until_placeable(&["host@a"]).await?;
    let client = cluster.client();
    let failover = json!({ "host": "host@a", "backend_id": "b" });
    let asked = client.put("/os-services/failover_host", failover).await?;
    asked.expect_status(202).with_context(|| cluster.logs())?;
    until("the failover has ended", Duration::from_secs(60), || async {
        let sql = "select replication_status from backends where name = 'host@a'";
        let status = database.query_one(sql, &[]).await;
        status.is_ok_and(|row| row.get::<_, &str>(0) == "failed-over")
    })
    .await?;
    let serving = "select count(*) from volumes where replication_status = 'failed-over'";
    let serving: i64 = database.query_one(serving, &[]).await?.get(0);
    assert_eq!(u64::try_from(serving)?, VOLUMES);
    let ended = "select count(*) from operations where kind = 'extend_volume' and state = 'failed'";
    let ended: i64 = database.query_one(ended, &[]).await?.get(0);
    assert_eq!(u64::try_from(ended)?, VOLUMES);
    cluster.finish(&["the report was not recorded"]).await.context("after the failover")
}
