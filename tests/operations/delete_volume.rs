//! What must hold of `delete_volume`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_deleted_volume_is_gone_and_gives_its_quota_back() -> anyhow::Result<()> {
    let settings = "[quota]\nvolumes = 1\ngigabytes = 1\n";
    let cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    for _ in 0..2 {
        let id = client.create_volume(json!({ "size": 1 })).await?;
        client.wait_for_status(&id, "available").await?;
        client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
        client.wait_for_status(&id, "deleted").await?;
        assert_eq!(client.delete(&format!("/volumes/{id}")).await?.status, 404);
    }
    let usage = cluster.database().await?;
    let usage = usage.query_one("select count(*) from quota_usages where used <> 0", &[]).await?;
    assert_eq!(usage.get::<_, i64>(0), 0);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_is_being_worked_on_is_not_deleted() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(slow).await?;
    let refused = client.delete(&format!("/volumes/{id}")).await?;
    assert_eq!(refused.status, 400);
    assert!(
        refused.fault().contains("has an operation in progress (create_volume)"),
        "{}",
        refused.fault()
    );
    client.wait_for_status(&id, "available").await?;
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    assert_eq!(client.delete(&format!("/volumes/{id}")).await?.status, 400);
    client.wait_for_status(&id, "deleted").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_the_driver_cannot_remove_needs_force() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let stubborn = json!({ "size": 1, "metadata": { "fake:fail": "delete_volume" } });
    let id = client.create_volume(stubborn).await?;
    client.wait_for_status(&id, "available").await?;
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    client.wait_for_status(&id, "error_deleting").await?;
    let refused = client.delete(&format!("/volumes/{id}")).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("current status is: error_deleting"), "{}", refused.fault());

    client.delete(&format!("/volumes/{id}/metadata/fake:fail")).await?.expect_status(200)?;
    client.act(&id, "os-force_delete", json!(null)).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    cluster.finish(&["delete_volume fails because"]).await
}

#[tokio::test]
async fn another_projects_volume_does_not_exist() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    // even while the backend is frozen: a condition of it is nothing that a stranger learns
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    let stranger = client.in_project("stranger").with_roles("member");
    assert_eq!(stranger.get(&format!("/volumes/{id}")).await?.status, 404);
    assert_eq!(stranger.delete(&format!("/volumes/{id}")).await?.status, 404);
    assert_eq!(stranger.act(&id, "os-extend", json!({ "new_size": 2 })).await?.status, 404);
    let rename = json!({ "volume": { "name": "mine" } });
    assert_eq!(stranger.put(&format!("/volumes/{id}"), rename).await?.status, 404);
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_goes_with_its_snapshots_when_that_is_asked_for() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    for _ in 0..3 {
        client.create_snapshot(&volume).await?;
    }
    client.delete(&format!("/volumes/{volume}?cascade=true")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    assert_eq!(client.get("/snapshots").await?.body["snapshots"], json!([]));
    cluster.finish(&[]).await
}
