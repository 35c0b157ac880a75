//! Locks that somebody holds for long: who needs them waits, and nobody else.

use harness::{Client, Cluster, ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

/// A cluster whose scheduler has two connections to the database, and waits long for locks.
async fn cluster() -> anyhow::Result<Cluster> {
    let mut cluster = ClusterBuilder::for_test().await?.fake("a").fake("b").start().await?;
    cluster.schedulers.clear();
    let settings = [
        ("CINDERBLOCK__DATABASE__POOL_SIZE", "2"),
        ("CINDERBLOCK__DATABASE__LOCK_TIMEOUT_MS", "20000"),
    ];
    cluster.add_scheduler(&settings).await?;
    cluster.wait_until_placeable(&["host@a", "host@b"]).await?;
    Ok(cluster)
}

async fn volume_on(client: &Client, host: &str) -> anyhow::Result<String> {
    loop {
        let volume = client.available_volume(1).await?;
        if client.host_of(&volume).await?.starts_with(host) {
            return Ok(volume);
        }
    }
}

#[tokio::test]
async fn a_locked_backend_keeps_no_other_one_waiting() -> anyhow::Result<()> {
    let cluster = cluster().await?;
    let client = cluster.client();
    let (on_a, on_b) = (volume_on(&client, "host@a").await?, volume_on(&client, "host@b").await?);
    let mut holder = cluster.database().await?;
    let held = holder.transaction().await?;
    held.execute(
        "select pg_advisory_xact_lock(42, lock_key) from backends where name = 'host@a'",
        &[],
    )
    .await?;
    let rename = |volume: &str| {
        let (client, path) = (client.clone(), format!("/volumes/{volume}"));
        async move { client.put(&path, json!({ "volume": { "name": "renamed" } })).await }
    };
    let waiting: Vec<_> = (0..4).map(|_| tokio::spawn(rename(&on_a))).collect();
    for _ in 0..3 {
        rename(&on_b).await?.expect_status(200)?;
    }
    assert!(waiting.iter().all(|request| !request.is_finished()));
    held.commit().await?;
    for request in waiting {
        request.await??.expect_status(200)?;
    }
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_locked_row_keeps_no_freeze_waiting() -> anyhow::Result<()> {
    let cluster = cluster().await?;
    let client = cluster.client();
    let volume = volume_on(&client, "host@a").await?;
    let mut holder = cluster.database().await?;
    let held = holder.transaction().await?;
    held.execute("select from volumes where id = $1::text::uuid for update", &[&volume]).await?;
    let extending = tokio::spawn({
        let (client, volume) = (client.clone(), volume.clone());
        async move { client.act(&volume, "os-extend", json!({ "new_size": 2 })).await }
    });
    let watcher = cluster.database().await?;
    until("the admission has met the locked row", Duration::from_secs(5), || async {
        let sql = "select exists (select from pg_stat_activity where application_name = 'cinderblock' \
                       and datname = current_database() and query like '%admit_extend_volume(%')";
        watcher.query_one(sql, &[]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    assert!(!extending.is_finished());
    // while the row is held
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    assert_eq!(extending.await??.status, 400);
    held.commit().await?;
    cluster.finish(&[]).await
}
