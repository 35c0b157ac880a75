//! What must hold of `begin_detaching`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_server_that_leaves_is_seen_to_leave() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    assert_eq!(client.act(&volume, "os-begin_detaching", json!(null)).await?.status, 400);
    client.attach_through_actions(&volume, "server-1").await?;
    client.act(&volume, "os-begin_detaching", json!(null)).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("detaching"));
    assert_eq!(client.act(&volume, "os-begin_detaching", json!(null)).await?.status, 400);
    client.act(&volume, "os-detach", json!({})).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
