//! A migration, crashed at every stage: in the end there is one volume, with its data.

use harness::{Cluster, ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

/// Starts the worker again so that it dies when it comes to the point for the `nth` time.
async fn arm(cluster: &mut Cluster, point: &str, nth: usize) -> anyhow::Result<()> {
    let armed = format!("volume.{point}={}*off->1*return", nth - 1);
    cluster.workers.clear();
    cluster.add_serving_worker(&[("FAILPOINTS", armed.as_str())]).await
}

#[tokio::test]
async fn a_migration_is_finished_whenever_its_worker_dies() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.file("a").file("b").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.access(&volume, &["write -P 0x77 5M 5M", "flush"]).await?;
    // to open, to copy, to remove
    for stage in 1..=3 {
        for point in ["claimed", "executed"] {
            let destination = client.other_host(&volume).await?;
            arm(&mut cluster, point, stage).await?;
            let host = json!({ "host": destination });
            client.act(&volume, "os-migrate_volume", host).await?.expect_status(202)?;
            let process = std::cell::RefCell::new(&mut cluster.workers[0].process);
            until("the worker dies", Duration::from_secs(20), || async {
                process.borrow_mut().ended().is_ok_and(|ended| ended.is_some())
            })
            .await?;
            // until the copy is recorded, the volume is at its source
            let arrived = client.host_of(&volume).await? == destination;
            assert_eq!(arrived, stage == 3, "{point} at stage {stage}");
            cluster.workers.clear();
            cluster.add_serving_worker(&[]).await?;
            client.wait_for_status(&volume, "available").await?;
            assert_eq!(client.host_of(&volume).await?, destination, "{point} at stage {stage}");
            harness::invariants::check(&cluster).await?;
            client.access(&volume, &["read -P 0x77 5M 5M", "read -P 0 0 5M"]).await?;
        }
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_source_that_dies_during_the_copy_keeps_the_volume() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.file("a").file("b").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.access(&volume, &["write -P 9 0 1M", "flush"]).await?;
    let (source, destination) = (client.host_of(&volume).await?, client.other_host(&volume).await?);
    // the worker dies when the data path is open, and with it the source's daemon
    arm(&mut cluster, "claimed", 2).await?;
    let host = json!({ "host": destination });
    client.act(&volume, "os-migrate_volume", host).await?.expect_status(202)?;
    let process = std::cell::RefCell::new(&mut cluster.workers[0].process);
    until("the worker dies", Duration::from_secs(20), || async {
        process.borrow_mut().ended().is_ok_and(|ended| ended.is_some())
    })
    .await?;
    let array = cluster.directory().join(&source[5..]);
    harness::kill_by_pid_file(&array.join("run/daemon.pid"));
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(client.host_of(&volume).await?, source);
    client.access(&volume, &["read -P 9 0 1M"]).await?;
    cluster.finish(&["failed", "data path"]).await
}
