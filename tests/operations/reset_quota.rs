//! What must hold of `reset_quota`.

use harness::ClusterBuilder;
use serde_json::json;

#[tokio::test]
async fn a_project_without_limits_of_its_own_has_the_defaults() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let path = "/os-quota-sets/somebody";
    client.put(path, json!({ "quota_set": { "volumes": 3 } })).await?.expect_status(200)?;
    assert_eq!(client.get(path).await?.body["quota_set"]["volumes"], 3);
    let defaults = client.get(&format!("{path}/defaults")).await?.expect_status(200)?.body;
    assert_eq!(defaults["quota_set"]["volumes"], -1);
    client.delete(path).await?.expect_status(200)?;
    assert_eq!(client.get(path).await?.body, defaults);
    // one that nothing was ever said about
    client.delete("/os-quota-sets/nobody").await?.expect_status(200)?;
    cluster.finish(&[]).await
}
