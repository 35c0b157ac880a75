//! What must hold of `delete_snapshot`.

use harness::ClusterBuilder;
use serde_json::{Value, json};

#[tokio::test]
async fn a_volume_cannot_go_before_its_snapshots() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    let refused = client.delete(&format!("/volumes/{volume}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("still has snapshots"), "{}", refused.fault());
    client.delete(&format!("/snapshots/{snapshot}")).await?.expect_status(202)?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "deleted").await?;
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_is_being_copied_from_stays_until_the_copy_is_there() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let source = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&source).await?;
    let slow = |body: Value| {
        let mut body = body;
        body["metadata"] = json!({ "fake:latency_ms": "1000" });
        client.create_volume(body)
    };
    let from_snapshot = slow(json!({ "snapshot_id": snapshot })).await?;
    let clone = slow(json!({ "source_volid": source })).await?;
    let refused = client.delete(&format!("/snapshots/{snapshot}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("is being copied from"), "{}", refused.fault());
    assert_eq!(client.delete(&format!("/volumes/{source}?cascade=true")).await?.status, 400);
    for id in [&from_snapshot, &clone] {
        client.wait_for_status(id, "available").await?;
    }
    client.delete(&format!("/volumes/{source}?cascade=true")).await?.expect_status(202)?;
    client.wait_for_status(&source, "deleted").await?;
    cluster.finish(&[]).await
}
