//! What must hold of `force_delete_volume`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn an_admin_removes_a_volume_whatever_its_status() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let failing = json!({ "size": 1, "metadata": { "fake:fail": "create_volume,delete_volume" } });
    let id = client.create_volume(failing).await?;
    client.wait_for_status(&id, "error").await?;
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    client.wait_for_status(&id, "error_deleting").await?;

    let member = client.with_roles("member");
    assert_eq!(member.act(&id, "os-force_delete", json!(null)).await?.status, 403);
    assert_eq!(member.delete(&format!("/volumes/{id}?force=true")).await?.status, 403);
    // before 3.23 the parameter is unknown, and the status stands against it
    let older = client.with_version("volume 3.22");
    assert_eq!(older.delete(&format!("/volumes/{id}?force=true")).await?.status, 400);

    client.delete(&format!("/volumes/{id}/metadata/fake:fail")).await?.expect_status(200)?;
    client.delete(&format!("/volumes/{id}?force=true")).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    cluster.finish(&["fails because"]).await
}

#[tokio::test]
async fn a_volume_that_is_being_worked_on_is_not_forced() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1500" } });
    let id = client.create_volume(slow).await?;
    let refused = client.act(&id, "os-force_delete", json!(null)).await?;
    assert_eq!(refused.status, 400);
    assert!(
        refused.fault().contains("has an operation in progress (create_volume)"),
        "{}",
        refused.fault()
    );
    client.wait_for_status(&id, "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn its_snapshots_go_with_it_where_that_is_asked_for() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    let reset = json!({ "os-reset_status": { "status": "error_deleting" } });
    client.post(&format!("/snapshots/{snapshot}/action"), reset).await?.expect_status(202)?;
    let path = format!("/volumes/{volume}?force=true");
    assert_eq!(client.delete(&path).await?.status, 400);
    // not over what is being done with a snapshot
    let slow = json!({ "volume_id": volume, "metadata": { "fake:latency_ms": "1500" } });
    let made = client.post("/snapshots", json!({ "snapshot": slow })).await?.expect_status(202)?;
    let slow = format!("/snapshots/{}", made.body["snapshot"]["id"].as_str().unwrap_or_default());
    client.wait_until(&slow, "snapshot", "available").await?;
    client
        .post(&format!("{slow}/action"), json!({ "os-unmanage": {} }))
        .await?
        .expect_status(202)?;
    let refused = client.delete(&format!("{path}&cascade=true")).await?.expect_status(400)?;
    assert!(refused.fault().contains("in progress"), "{}", refused.body);
    client.wait_until(&slow, "snapshot", "deleted").await?;
    client.delete(&format!("{path}&cascade=true")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    assert_eq!(client.get(&format!("/snapshots/{snapshot}")).await?.status, 404);
    cluster.finish(&[]).await
}
