//! What must hold of `delete_volume_type`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_type_goes_when_no_volume_is_of_it() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let id = client.create_volume_type("short", json!({})).await?;
    let path = format!("/types/{id}");
    let volume = client.create_volume(json!({ "size": 1, "volume_type": "short" })).await?;
    client.wait_for_status(&volume, "available").await?;
    let refused = client.delete(&path).await?;
    assert_eq!(refused.status, 400);
    assert!(refused.fault().contains("in use"), "{}", refused.fault());
    client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
    client.wait_for_status(&volume, "deleted").await?;
    client.delete(&path).await?.expect_status(202)?;
    assert_eq!(client.get(&path).await?.status, 404);
    assert_eq!(client.delete(&path).await?.status, 404);
    let asked = json!({ "volume": { "size": 1, "volume_type": "short" } });
    assert_eq!(client.post("/volumes", asked).await?.status, 404);
    // the name is free again
    client.create_volume_type("short", json!({})).await?;

    let default = client.get("/types/default").await?.body["volume_type"]["id"].clone();
    let path = format!("/types/{}", default.as_str().unwrap_or_default());
    assert_eq!(client.delete(&path).await?.status, 400, "the default type stays");
    cluster.finish(&[]).await
}
