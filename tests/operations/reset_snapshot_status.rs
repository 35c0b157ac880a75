//! What must hold of `reset_snapshot_status`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_snapshot_stands_where_an_admin_says_unless_it_is_worked_on() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    let path = format!("/snapshots/{snapshot}");
    let action = format!("{path}/action");
    let reset = |status: &str| json!({ "os-reset_status": { "status": status } });
    for status in ["error", "error_deleting", "creating", "deleting", "available"] {
        client.post(&action, reset(status)).await?.expect_status(202)?;
        assert_eq!(client.get(&path).await?.body["snapshot"]["status"], status);
    }
    for status in ["restoring", "unmanaging", "deleted", "nonsense", ""] {
        assert_eq!(client.post(&action, reset(status)).await?.status, 400, "{status}");
    }
    let member = client.with_roles("member");
    assert_eq!(member.post(&action, reset("error")).await?.status, 403);

    let slow = json!({ "volume_id": volume, "metadata": { "fake:latency_ms": "1000" } });
    let made = client.post("/snapshots", json!({ "snapshot": slow })).await?.expect_status(202)?;
    let slow = format!("/snapshots/{}", made.body["snapshot"]["id"].as_str().unwrap_or_default());
    assert_eq!(client.post(&format!("{slow}/action"), reset("error")).await?.status, 400);
    client.wait_until(&slow, "snapshot", "available").await?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_makes_a_snapshot_elsewhere_says_how_far_it_is() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    let (path, action) =
        (format!("/snapshots/{snapshot}"), format!("/snapshots/{snapshot}/action"));
    let reset =
        |status: &str| client.post(&action, json!({ "os-reset_status": { "status": status } }));
    let update = |status: &str| {
        let body = json!({ "status": status, "progress": "80%" });
        client.post(&action, json!({ "os-update_snapshot_status": body }))
    };
    assert_eq!(update("error").await?.status, 400, "it is not being made");
    reset("creating").await?.expect_status(202)?;
    assert_eq!(
        update("error_deleting").await?.status,
        400,
        "what is being made is not being removed"
    );
    update("creating").await?.expect_status(202)?;
    update("available").await?.expect_status(202)?;
    let shown = client.get(&path).await?.body["snapshot"].clone();
    assert_eq!(shown["status"], "available");
    assert_eq!(shown["os-extended-snapshot-attributes:progress"], "80%");
    reset("deleting").await?.expect_status(202)?;
    update("error_deleting").await?.expect_status(202)?;
    // whatever was said of it, it can be removed
    client.post(&action, json!({ "os-force_delete": null })).await?.expect_status(202)?;
    client.wait_until(&path, "snapshot", "deleted").await?;
    cluster.finish(&[]).await
}
