//! What must hold of `create_snapshot`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn an_attached_volume_needs_force_until_3_66() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.attach(&volume, "server-1").await?;
    let older = client.with_version("volume 3.65");
    let plain = json!({ "snapshot": { "volume_id": volume } });
    let of_null = json!({ "snapshot": { "volume_id": null } });
    assert_eq!(client.post("/snapshots", of_null).await?.status, 404);
    assert_eq!(client.post("/snapshots", json!({ "snapshot": {} })).await?.status, 400);
    let forced = json!({ "snapshot": { "volume_id": volume, "force": true } });
    let refused = older.post("/snapshots", plain.clone()).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("with force"), "{}", refused.fault());
    older.post("/snapshots", forced).await?.expect_status(202)?;
    client.post("/snapshots", plain).await?.expect_status(202)?;
    let unforced = json!({ "snapshot": { "volume_id": volume, "force": false } });
    assert_eq!(client.post("/snapshots", unforced).await?.status, 400);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_snapshot_is_shown_at_once_and_becomes_available() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(2).await?;
    let created = client
        .post("/snapshots", json!({ "snapshot": { "volume_id": volume } }))
        .await?
        .expect_status(202)?;
    let snapshot = &created.body["snapshot"];
    assert_eq!((&snapshot["status"], &snapshot["size"]), (&json!("creating"), &json!(2)));
    assert!(snapshot.get("os-extended-snapshot-attributes:progress").is_none());
    let path = format!("/snapshots/{}", snapshot["id"].as_str().unwrap_or_default());
    client.wait_until(&path, "snapshot", "available").await?;
    let detail = client.get(&path).await?.body["snapshot"].clone();
    assert_eq!(detail["os-extended-snapshot-attributes:progress"], "100%");
    assert_eq!(detail["os-extended-snapshot-attributes:project_id"], harness::cluster::PROJECT);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_snapshot_that_the_driver_cannot_make_ends_in_error() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let failing = json!({ "volume_id": volume, "metadata": { "fake:fail": "create_snapshot" } });
    let answer =
        client.post("/snapshots", json!({ "snapshot": failing })).await?.expect_status(202)?;
    let path = format!("/snapshots/{}", answer.body["snapshot"]["id"].as_str().unwrap_or_default());
    client.wait_until(&path, "snapshot", "error").await?;
    assert_eq!(
        client.post("/volumes", json!({ "volume": { "snapshot_id": path[11..] } })).await?.status,
        400
    );
    client.delete(&path).await?.expect_status(202)?;
    client.wait_until(&path, "snapshot", "deleted").await?;
    cluster.finish(&["fails because"]).await
}
