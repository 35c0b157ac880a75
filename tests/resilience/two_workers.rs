//! Two workers of one backend: one takes over from the other, and never works beside it.

use crate::database_trouble::gateway;
use anyhow::Context as _;
use harness::{ClusterBuilder, until};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;

#[tokio::test]
async fn a_killed_workers_operation_is_finished_by_another_one() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "2000" } });
    let id = client.create_volume(slow).await?;
    wait_until_running(&cluster).await?;
    // it shall not be done before the other one is there
    cluster.workers[0].process.signal(Signal::STOP)?;
    cluster.add_worker(&[]).await?;
    cluster.workers[0].process.kill();
    // after the lease has run out, not before
    client.wait_for_status(&id, "available").await?;
    let database = cluster.database().await?;
    let row = database.query_one("select state, attempts from operations", &[]).await?;
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("done", 2));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_killed_workers_operation_is_finished_at_once_when_it_starts_again() -> anyhow::Result<()>
{
    let settings = "[quota]\nvolumes = -1\ngigabytes = -1\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let mut cluster = cluster;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1000" } });
    let id = client.create_volume(slow).await?;
    wait_until_running(&cluster).await?;
    // a lease that would outlive the test
    let far =
        "update operations set lease_until = now() + interval '1 hour' where state = 'running'";
    cluster.workers[0].process.kill();
    cluster.database().await?.execute(far, &[]).await?;
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_worker_that_slept_through_its_lease_does_no_harm() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.workers(2).start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "800" } });
    let id = client.create_volume(slow).await?;
    wait_until_running(&cluster).await?;
    let owner = "select owner from operations";
    let database = cluster.database().await?;
    let first: String = database.query_one(owner, &[]).await?.get(0);
    // both are workers of this machine: only their logs tell which one has it
    let sleeper = cluster.workers.iter().position(|worker| {
        std::fs::read_to_string(worker.process.log()).is_ok_and(|log| log.contains(&first))
    });
    let sleeper = sleeper.unwrap_or(0);
    cluster.workers[sleeper].process.signal(Signal::STOP)?;
    until("the other worker takes over", Duration::from_secs(15), || async {
        let now = database.query_one("select attempts from operations", &[]).await;
        now.is_ok_and(|row| row.get::<_, i32>(0) >= 2)
    })
    .await?;
    client.wait_for_status(&id, "available").await?;
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    // it wakes up, finds that it has lost, and changes nothing
    cluster.workers[sleeper].process.signal(Signal::CONT)?;
    let log = cluster.workers[sleeper].process.log().to_owned();
    until("the sleeper finds out", Duration::from_secs(10), || async {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("lost to another worker") || log.contains("another worker has claimed it")
    })
    .await?;
    assert_eq!(client.volume_status(&id).await?, None);
    let usage = "select sum(used)::bigint from quota_usages";
    assert_eq!(database.query_one(usage, &[]).await?.get::<_, i64>(0), 0);
    cluster.finish(&["the lease cannot be renewed", "the bus connection ends"]).await
}

/// The storage alone would keep the two apart; but one that is cut off from the database stops before the other one begins.
#[tokio::test]
async fn a_worker_that_is_cut_off_stops_before_another_one_takes_over() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.workers(0).start().await?;
    let (scheme, rest) = cluster.database.split_once('@').context("a user")?;
    let (server, name) = rest.split_once('/').context("a database")?;
    let (be_silent, silent) = watch::channel(false);
    let port = gateway(server.to_owned(), silent).await?;
    let url = format!("{scheme}@127.0.0.1:{port}/{name}");
    cluster.add_worker(&[("CINDERBLOCK__DATABASE__URL", &url)]).await?;
    cluster.wait_until_placeable(&["host@a"]).await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "4000" } });
    let id = client.create_volume(slow).await?;
    wait_until_running(&cluster).await?;
    cluster.add_worker(&[]).await?;
    be_silent.send(true)?;
    let database = cluster.database().await?;
    until("the other worker takes over", Duration::from_secs(15), || async {
        let now = database.query_one("select attempts from operations", &[]).await;
        now.is_ok_and(|row| row.get::<_, i32>(0) == 2)
    })
    .await?;
    let log = std::fs::read_to_string(cluster.workers[0].process.log())?;
    assert!(log.contains("the lease cannot be renewed"), "{log}");
    client.wait_for_status(&id, "available").await?;
    // its own end cannot be written down
    cluster.workers[0].process.kill();
    cluster.finish_unsettled(&["does not answer", "cannot be renewed", "lost to another worker"])
}

/// Waits until a worker has the only operation there is.
pub(crate) async fn wait_until_running(cluster: &harness::Cluster) -> anyhow::Result<()> {
    let database = cluster.database().await?;
    until("the operation is claimed", Duration::from_secs(5), || async {
        let state = database.query_one("select state from operations", &[]).await;
        state.is_ok_and(|row| row.get::<_, &str>(0) == "running")
    })
    .await
}
