//! What must hold of `revert_volume`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_revert_takes_the_newest_snapshot_of_the_volumes_size() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    assert_eq!(client.act(&volume, "revert", json!({ "snapshot_id": null })).await?.status, 400);
    let older = client.create_snapshot(&volume).await?;
    let newest = client.create_snapshot(&volume).await?;
    let revert = |id: &str| {
        let (client, volume, id) = (client.clone(), volume.clone(), id.to_owned());
        async move { client.act(&volume, "revert", json!({ "snapshot_id": id })).await }
    };
    assert_eq!(revert(&older).await?.status, 400);
    let before = client.with_version("volume 3.39");
    assert_eq!(before.act(&volume, "revert", json!({ "snapshot_id": newest })).await?.status, 404);
    revert(&newest).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    client.wait_until(&format!("/snapshots/{newest}"), "snapshot", "available").await?;

    client.attach(&volume, "server-1").await?;
    assert_eq!(revert(&newest).await?.status, 409);
    client.detach(&volume).await?;
    client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert_eq!(revert(&newest).await?.status, 400);
    cluster.finish(&[]).await
}
