//! What must hold of `release_attachment`.

use harness::{ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

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

/// A data path that is being opened would stay open.
#[tokio::test]
async fn an_attachment_whose_data_path_is_being_opened_is_not_released() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1000" } });
    let volume = client.create_volume(slow).await?;
    client.wait_for_status(&volume, "available").await?;
    let attachment = client.reserve(&volume, None).await?;
    let connecting = {
        let (client, attachment) = (client.clone(), attachment.clone());
        tokio::spawn(async move { client.connect(&attachment, "host").await })
    };
    let database = cluster.database().await?;
    until("the data path is being opened", Duration::from_secs(10), || async {
        let sql = "select exists (select from operations where kind = 'update_attachment' and state = 'running')";
        database.query_one(sql, &[]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    let refused = client.delete(&format!("/attachments/{attachment}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("in progress (update_attachment)"), "{}", refused.fault());
    connecting.await??.expect_status(200)?;
    client.delete(&format!("/attachments/{attachment}")).await?.expect_status(200)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
