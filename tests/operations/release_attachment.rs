//! What must hold of `release_attachment`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_server_that_never_came_gives_the_volume_back() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let attachment = client.reserve(&volume, None).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("reserved"));
    assert_eq!(client.delete(&format!("/volumes/{volume}")).await?.status, 400);
    let stranger = client.in_project("stranger").with_roles("member");
    assert_eq!(stranger.delete(&format!("/attachments/{attachment}")).await?.status, 404);
    let left = client.delete(&format!("/attachments/{attachment}")).await?.expect_status(200)?;
    assert_eq!(left.body, json!({ "attachments": [] }));
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
