//! What must hold of `verify_replicas`.

use harness::ClusterBuilder;
use harness::replication::{fail_over, replicated, wait_for_replication};
use serde_json::json;

#[tokio::test]
async fn there_is_something_to_verify_only_where_replicas_are() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let refused = cluster.client().operate("verify_replicas", "host@a").await?;
    assert!(refused.expect_status(400)?.fault().contains("There are no replicas"));
    cluster.finish(&[]).await?;

    let cluster = replicated().await?;
    let client = cluster.client();
    client.operate("verify_replicas", "host@a").await?.expect_status(202)?;
    let unknown = json!({ "host": "host@a", "repair": "perhaps" });
    assert_eq!(client.put("/os-services/verify_replicas", unknown).await?.status, 400);
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(client.operate("verify_replicas", "host@a").await?.status, 400);
    cluster.finish(&[]).await
}
