//! What must hold of `force_delete_snapshot`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_snapshot_that_the_driver_cannot_remove_needs_force() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let stubborn = json!({ "volume_id": volume, "metadata": { "fake:fail": "delete_snapshot" } });
    let answer =
        client.post("/snapshots", json!({ "snapshot": stubborn })).await?.expect_status(202)?;
    let path = format!("/snapshots/{}", answer.body["snapshot"]["id"].as_str().unwrap_or_default());
    client.wait_until(&path, "snapshot", "available").await?;
    client.delete(&path).await?.expect_status(202)?;
    client.wait_until(&path, "snapshot", "error_deleting").await?;
    assert_eq!(client.delete(&path).await?.status, 400);
    client.delete(&format!("{path}/metadata/fake:fail")).await?.expect_status(200)?;
    let force = json!({ "os-force_delete": null });
    let action = format!("{path}/action");
    assert_eq!(client.with_roles("member").post(&action, force.clone()).await?.status, 403);
    client.post(&action, force).await?.expect_status(202)?;
    client.wait_until(&path, "snapshot", "deleted").await?;
    cluster.finish(&["fails because"]).await
}
