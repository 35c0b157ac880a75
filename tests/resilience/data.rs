//! Data is checked, not assumed: what is written is there after everything that can happen to a volume.

use harness::{Cluster, ClusterBuilder, access_data, kill_by_pid_file, until};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn what_is_written_over_nbd_survives_whatever_happens_to_a_volume() -> anyhow::Result<()> {
    survives(ClusterBuilder::for_test().await?.file("a").file("b").start().await?).await
}

#[tokio::test]
async fn what_is_written_over_iscsi_survives_whatever_happens_to_a_volume() -> anyhow::Result<()> {
    survives(ClusterBuilder::for_test().await?.iscsi("a").file("b").start().await?).await
}

async fn survives(mut cluster: Cluster) -> anyhow::Result<()> {
    let client = cluster.client();
    let on = |name: &str| json!({ "extra_specs": { "volume_backend_name": name } });
    client.create_volume_type("on-a", on("a")).await?;
    let volume = client.create_volume(json!({ "size": 1, "volume_type": "on-a" })).await?;
    client.wait_for_status(&volume, "available").await?;
    client.access(&volume, &["write -P 0x11 0 8M", "flush"]).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    client.access(&volume, &["write -P 0x22 0 4M", "flush"]).await?;
    let clone = client.create_volume(json!({ "size": 2, "source_volid": volume })).await?;
    client.wait_for_status(&clone, "available").await?;
    client.access(&clone, &["read -P 0x22 0 4M", "read -P 0x11 4M 4M", "read -P 0 1G 1M"]).await?;
    let copy = client.create_volume(json!({ "size": 1, "snapshot_id": snapshot })).await?;
    client.wait_for_status(&copy, "available").await?;
    client.access(&copy, &["read -P 0x11 0 8M"]).await?;
    client.act(&volume, "revert", json!({ "snapshot_id": snapshot })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    client.access(&volume, &["read -P 0x11 0 8M"]).await?;
    client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    let grown = ["read -P 0x11 0 8M", "read -P 0 1G 1M", "write -P 0x33 1500M 1M", "flush"];
    client.access(&volume, &grown).await?;
    client.delete(&format!("/snapshots/{snapshot}")).await?.expect_status(202)?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "deleted").await?;
    // to another backend and back
    client.create_volume_type("anywhere", json!({})).await?;
    let retype = json!({ "new_type": "anywhere" });
    client.act(&volume, "os-retype", retype).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    for _ in 0..2 {
        let destination = json!({ "host": client.other_host(&volume).await? });
        client.act(&volume, "os-migrate_volume", destination).await?.expect_status(202)?;
        client.wait_for_status(&volume, "available").await?;
        client.access(&volume, &["read -P 0x11 0 8M", "read -P 0x33 1500M 1M"]).await?;
    }
    // every process again
    client.attach(&volume, "server-1").await?;
    let info = client.connection_info(&volume).await?;
    cluster.apis.clear();
    cluster.schedulers.clear();
    cluster.workers.clear();
    for daemon in ["daemon.pid", "tgtd.pid"] {
        harness::kill_by_pid_file(&cluster.directory().join("a/run").join(daemon));
    }
    cluster.add_scheduler(&[]).await?;
    cluster.add_worker(&[]).await?;
    cluster.add_api(&[]).await?;
    reachable(&info, &["read -P 0x11 0 8M", "read -P 0x33 1500M 1M"]).await?;
    let client = cluster.client();
    client.detach(&volume).await?;
    assert!(access_data(&info, &["read -P 0x11 0 8M"]).is_err());
    cluster.finish(&[]).await
}

/// Waits until data can be reached the way that servers were told.
pub async fn reachable(info: &Value, commands: &[&str]) -> anyhow::Result<()> {
    until("the data is reached again", Duration::from_secs(10), || async {
        access_data(info, commands).is_ok()
    })
    .await
}

#[tokio::test]
async fn a_data_path_that_could_not_be_opened_again_is_tried_again() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("a").start().await?;
    let client = cluster.client();
    let id = client.available_volume(1).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    let file = cluster.directory().join(format!("a/volumes/volume-{id}"));
    let kept = cluster.directory().join("kept");
    std::fs::rename(&file, &kept)?;
    kill_by_pid_file(&cluster.directory().join("a/run/daemon.pid"));
    let log = cluster.workers[0].process.log().to_owned();
    until("it cannot be opened", Duration::from_secs(10), || async {
        std::fs::read_to_string(&log).is_ok_and(|log| log.contains("a data path is not restored"))
    })
    .await?;
    std::fs::rename(&kept, &file)?;
    until("it is open again", Duration::from_secs(10), || async {
        access_data(&info, &["write -P 3 0 1M", "flush"]).is_ok()
    })
    .await?;
    cluster.finish_unsettled(&["not restored", "does not report"])
}
