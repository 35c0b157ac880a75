//! What must hold of `roll_detaching`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_server_that_stays_after_all_has_the_volume_as_before() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.act(&volume, "os-roll_detaching", json!(null)).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    client.attach_through_actions(&volume, "server-1").await?;
    client.act(&volume, "os-begin_detaching", json!(null)).await?.expect_status(202)?;
    client.act(&volume, "os-roll_detaching", json!(null)).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    cluster.finish(&[]).await
}
