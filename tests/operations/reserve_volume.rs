//! What must hold of `reserve_volume`, and of giving the reservation up.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_reserved_volume_is_kept_until_it_is_given_up() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    // there is nothing to give up yet, and that is fine
    client.act(&volume, "os-unreserve", json!(null)).await?.expect_status(202)?;
    client.act(&volume, "os-reserve", json!(null)).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("attaching"));
    assert_eq!(client.act(&volume, "os-reserve", json!(null)).await?.status, 400);
    assert_eq!(client.delete(&format!("/volumes/{volume}")).await?.status, 400);
    client.act(&volume, "os-unreserve", json!(null)).await?.expect_status(202)?;
    assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("available"));
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_volume_that_a_server_has_is_reserved_again_only_if_several_may_have_it()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let specs = json!({ "extra_specs": { "multiattach": "<is> True" } });
    client.create_volume_type("shared", specs).await?;
    for (volume_type, again) in [("__DEFAULT__", 400), ("shared", 202)] {
        let asked = json!({ "size": 1, "volume_type": volume_type });
        let volume = client.create_volume(asked).await?;
        client.wait_for_status(&volume, "available").await?;
        client.attach_through_actions(&volume, "server-1").await?;
        assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
        assert_eq!(client.act(&volume, "os-reserve", json!(null)).await?.status, again);
        client.act(&volume, "os-unreserve", json!(null)).await?.expect_status(202)?;
        assert_eq!(client.volume_status(&volume).await?.as_deref(), Some("in-use"));
    }
    cluster.finish(&[]).await
}
