//! What must hold of `update_quota_class`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn the_default_class_limits_every_project_that_has_no_limits_of_its_own() -> anyhow::Result<()>
{
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let class = "/os-quota-class-sets/default";
    let changed = client.put(class, json!({ "quota_class_set": { "volumes": 1 } })).await?;
    assert_eq!(changed.expect_status(200)?.body["quota_class_set"]["volumes"], 1);
    assert_eq!(client.get(class).await?.body["quota_class_set"]["volumes"], 1);
    client.available_volume(1).await?;
    assert_eq!(client.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 413);
    let own = format!("/os-quota-sets/{}", harness::cluster::PROJECT);
    client.put(&own, json!({ "quota_set": { "volumes": 2 } })).await?.expect_status(200)?;
    client.available_volume(1).await?;
    for bad in [json!({}), json!({ "volumes": -2 }), json!({ "what": 1 })] {
        assert_eq!(client.put(class, json!({ "quota_class_set": bad })).await?.status, 400);
    }
    cluster.finish(&[]).await
}
