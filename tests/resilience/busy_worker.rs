//! A worker that has no slot for another operation.

use crate::two_workers::wait_until_running;
use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn what_waits_for_a_slot_keeps_no_message_waiting() -> anyhow::Result<()> {
    let cluster =
        ClusterBuilder::for_test().await?.volume_settings("concurrency = 1\n").start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "4000" } });
    let first = client.create_volume(slow).await?;
    wait_until_running(&cluster).await?;
    let second = client.create_volume(json!({ "size": 1 })).await?;
    client.get("/manageable_volumes?host=host@a").await?.expect_status(200)?;
    assert_eq!(client.volume_status(&first).await?.as_deref(), Some("creating"));
    assert_eq!(client.volume_status(&second).await?.as_deref(), Some("creating"));
    for volume in [first, second] {
        client.wait_for_status(&volume, "available").await?;
    }
    cluster.finish(&[]).await
}
