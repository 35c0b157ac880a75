//! The target dies, comes back, or hangs: servers go on, and it is known what is replicated.

use harness::replication::{
    CUT_OFF, fail_over, of_volume, pair, wait_for_replication, wait_until_in_step,
};
use harness::{Cluster, ClusterBuilder, access_data, kill_by_pid_file, until};
use serde_json::json;
use std::time::{Duration, Instant};

/// Waits until the target's side says that the replica is complete, in the run that goes on now.
async fn wait_for_marker(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    let target = cluster.directory().join("b");
    until("the replica is complete", Duration::from_secs(20), || async {
        let run = std::fs::read_to_string(target.join("run/daemon.run"));
        let marked = std::fs::read_to_string(target.join(format!("in-step/volume-{id}")));
        run.is_ok_and(|run| marked.is_ok_and(|marked| marked == run))
    })
    .await
}

#[tokio::test]
async fn servers_go_on_and_the_replica_catches_up() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.replicated("a", &["b"]).start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
    client.create_volume_type("replicated", specs).await?;
    let id = client.create_volume(json!({ "size": 1, "volume_type": "replicated" })).await?;
    client.wait_for_status(&id, "available").await?;
    wait_until_in_step(&cluster, 1).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    access_data(&info, &["write -P 1 0 1M", "flush"])?;
    kill_by_pid_file(&cluster.directory().join("b/run/daemon.pid"));
    access_data(&info, &["write -P 2 0 1M", "flush", "read -P 2 0 1M"])?;
    let pid_file = cluster.directory().join("b/run/daemon.pid");
    until("the target is started again", Duration::from_secs(10), || async { pid_file.exists() })
        .await?;
    wait_for_marker(&cluster, &id).await?;

    // one that hangs is ended, and a server's write is not held up longer than the bound
    let pid = std::fs::read_to_string(&pid_file)?;
    let pid = rustix::process::Pid::from_raw(pid.trim().parse()?).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP)?;
    let begun = Instant::now();
    let writing =
        tokio::task::spawn_blocking(move || access_data(&info, &["write -P 3 0 1M", "flush"]));
    writing.await??;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    until("the target has another run", Duration::from_secs(10), || async {
        std::fs::read_to_string(&pid_file)
            .is_ok_and(|now| now.trim() != pid.as_raw_nonzero().to_string())
    })
    .await?;
    wait_for_marker(&cluster, &id).await?;
    client.detach(&id).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.access(&id, &["read -P 3 0 1M"]).await?;
    cluster.finish_unsettled(&CUT_OFF)
}

#[tokio::test]
async fn a_replicated_volume_grows_is_snapshotted_and_reverted_and_its_replica_with_it()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.replicated("a", &["b"]).start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
    client.create_volume_type("replicated", specs).await?;
    let id = client.create_volume(json!({ "size": 1, "volume_type": "replicated" })).await?;
    client.wait_for_status(&id, "available").await?;
    wait_until_in_step(&cluster, 1).await?;
    client.attach(&id, "server-1").await?;
    access_data(&client.connection_info(&id).await?, &["write -P 5 0 2M", "flush"])?;
    // of an attached, mirrored volume
    let body = json!({ "snapshot": { "volume_id": id, "force": true } });
    let made = client.post("/snapshots", body).await?.expect_status(202)?.body;
    let snapshot = made["snapshot"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    access_data(&client.connection_info(&id).await?, &["write -P 6 0 2M", "flush"])?;
    client.detach(&id).await?;
    client.act(&id, "revert", json!({ "snapshot_id": snapshot })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    let refused = client.act(&id, "os-migrate_volume", json!({ "host": "host@a" })).await?;
    assert_eq!(refused.status, 400);
    wait_until_in_step(&cluster, 1).await?;
    client.access(&id, &["write -P 7 1500M 1M", "flush"]).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["read -P 5 0 2M", "read -P 7 1500M 1M"]).await?;
    // the snapshot is on the side where it was made
    let shown = client.get(&format!("/snapshots/{snapshot}")).await?.body;
    assert_eq!(shown["snapshot"]["status"], "error");
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    let shown = client.get(&format!("/snapshots/{snapshot}")).await?.body;
    assert_eq!(shown["snapshot"]["status"], "available");
    cluster.finish(&CUT_OFF).await
}

#[tokio::test]
async fn a_volumes_type_begins_and_ends_its_replication() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.replicated("a", &["b"]).start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
    client.create_volume_type("replicated", specs).await?;
    let id = client.available_volume(1).await?;
    client.access(&id, &["write -P 1 0 1M", "flush"]).await?;
    let marker = cluster.directory().join(format!("b/in-step/volume-{id}"));
    for (new_type, status) in
        [("replicated", "enabled"), ("__DEFAULT__", "disabled"), ("replicated", "enabled")]
    {
        let retype = json!({ "new_type": new_type });
        client.act(&id, "os-retype", retype).await?.expect_status(202)?;
        client.wait_for_status(&id, "available").await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", status));
        if status == "enabled" {
            wait_for_marker(&cluster, &id).await?;
        } else {
            assert!(!marker.exists());
            client.access(&id, &["write -P 2 0 1M", "flush"]).await?;
        }
    }
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.access(&id, &["read -P 2 0 1M"]).await?;
    cluster.finish(&CUT_OFF).await
}
