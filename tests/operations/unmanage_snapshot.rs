//! What must hold of `unmanage_snapshot`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn the_data_stay_and_the_volume_is_free_of_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.file("disk").start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    let (path, unmanage) = (format!("/snapshots/{snapshot}"), json!({ "os-unmanage": null }));
    client.post(&format!("{path}/action"), unmanage).await?.expect_status(202)?;
    client.wait_until(&path, "snapshot", "deleted").await?;
    assert!(cluster.directory().join(format!("disk/snapshots/snapshot-{snapshot}")).exists());
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    cluster.finish(&[]).await
}
