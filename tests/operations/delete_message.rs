//! What must hold of `delete_message`, and of messages.

use harness::ClusterBuilder;

#[tokio::test]
async fn a_user_is_told_of_an_operation_that_failed_after_it_was_accepted() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    assert_eq!(client.get("/messages").await?.body["messages"], serde_json::json!([]));
    let id = client.message_of_a_failure().await?;
    let path = format!("/messages/{id}");
    let message = client.get(&path).await?.expect_status(200)?.body["message"].clone();
    assert_eq!(message["message_level"], "ERROR");
    assert_eq!(message["resource_type"], "VOLUME");
    assert_eq!(message["event_id"], "VOLUME_VOLUME_008_012");
    assert_eq!(message["user_message"], "create volume: The storage backend could not do it.");
    assert!(message["request_id"].as_str().unwrap_or_default().starts_with("req-"));
    let stranger = client.in_project("other").with_roles("member");
    assert_eq!(stranger.get(&path).await?.status, 404);
    assert_eq!(stranger.delete(&path).await?.status, 404);
    assert_eq!(client.with_version("volume 3.2").get(&path).await?.status, 404);

    client.delete(&path).await?.expect_status(204)?;
    assert_eq!(client.get(&path).await?.status, 404);
    assert_eq!(client.delete(&path).await?.status, 404);
    assert_eq!(client.get("/messages/nonsense").await?.status, 404);
    cluster.finish(&["fails because"]).await
}
