//! What must hold of `freeze_backend`.

use harness::ClusterBuilder;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_frozen_backend_is_listed_as_frozen_and_is_not_disabled() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let host = cluster.host("a");
    let answer = client.operate("freeze", &host).await?.expect_status(200)?;
    assert_eq!(answer.body, json!(null));
    assert_eq!(answer.headers["x-cinderblock-operations-in-flight"], "0");
    let service = &client.get("/os-services?binary=cinder-volume").await?.body["services"][0];
    assert_eq!((&service["frozen"], &service["status"]), (&json!(true), &json!("enabled")));
    assert_eq!(client.operate("freeze", &host).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_freeze_tells_how_much_still_runs_and_can_wait_for_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(slow).await?;
    let answer = client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    assert_eq!(answer.headers["x-cinderblock-operations-in-flight"], "1");
    client.operate("thaw", &cluster.host("a")).await?.expect_status(200)?;

    let started = Instant::now();
    let answer = client.operate("freeze?drain=30", &cluster.host("a")).await?.expect_status(200)?;
    assert_eq!(answer.headers["x-cinderblock-operations-in-flight"], "0");
    assert!(started.elapsed() < Duration::from_secs(20));
    // what was admitted before the freeze has been finished, not lost
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    assert_eq!(client.operate("freeze?drain=x", &cluster.host("a")).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_backend_whose_worker_is_down_can_be_frozen_and_thawed() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    cluster.workers[0].process.kill();
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    client.operate("thaw", &cluster.host("a")).await?.expect_status(200)?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn strict_freezing_is_configuration() -> anyhow::Result<()> {
    let settings = "[scheduler]\nfrozen_refuses_connections = true\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    // records still change: only connections are added to what a freeze refuses
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    let rename = json!({ "volume": { "name": "renamed" } });
    client.put(&format!("/volumes/{id}"), rename).await?.expect_status(200)?;
    cluster.finish(&[]).await
}
