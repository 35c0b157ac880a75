//! What must hold of `complete_attachment`.

use harness::ClusterBuilder;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_server_is_attached_and_detached_step_by_step() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let server = Uuid::new_v4();
    let attachment = client.reserve(&volume, Some(server)).await?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("reserved"));
    let path = format!("/attachments/{attachment}");
    assert_eq!(client.get(&path).await?.body["attachment"]["connection_info"], json!({}));

    let updated = client.connect(&attachment, "server-1").await?.expect_status(200)?;
    let info = &updated.body["attachment"]["connection_info"];
    assert_eq!((&info["driver_volume_type"], &info["access_mode"]), (&json!("fake"), &json!("rw")));
    assert_eq!(info["attachment_id"], json!(attachment));
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));

    let complete = json!({ "os-complete": {} });
    let before = client.with_version("volume 3.43");
    assert_eq!(before.post(&format!("{path}/action"), complete.clone()).await?.status, 404);
    client.post(&format!("{path}/action"), complete).await?.expect_status(204)?;
    let shown = client.get(&format!("/volumes/{volume}")).await?.body["volume"].clone();
    assert_eq!(shown["status"], "in-use");
    assert_eq!(shown["attachments"][0]["server_id"], json!(server));
    assert_eq!(shown["attachments"][0]["attachment_id"], json!(attachment));
    assert_eq!(client.delete(&format!("/volumes/{volume}")).await?.status, 400);

    let left = client.delete(&path).await?.expect_status(200)?;
    assert_eq!(left.body, json!({ "attachments": [] }));
    assert_eq!(client.get(&path).await?.status, 404);
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}
