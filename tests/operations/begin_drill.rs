//! What must hold of `begin_drill`.

use harness::ClusterBuilder;
use harness::replication::replicated;
use serde_json::json;

#[tokio::test]
async fn there_is_one_drill_at_a_time_and_only_where_replicas_are() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let refused = cluster.client().operate("begin_drill", "host@a").await?;
    assert!(refused.expect_status(400)?.fault().contains("no replication target"));
    cluster.finish(&[]).await?;

    let cluster = replicated().await?;
    let client = cluster.client();
    let begin = |target| {
        let body = json!({ "host": "host@a", "backend_id": target });
        client.put("/os-services/begin_drill", body)
    };
    let refused = begin("nowhere").await?.expect_status(400)?;
    assert!(refused.fault().contains("no replication target nowhere"), "{}", refused.body);
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    begin("c").await?.expect_status(202)?;
    let refused = begin("b").await?.expect_status(400)?;
    assert!(refused.fault().contains("a drill on c already"), "{}", refused.body);
    cluster.finish(&[]).await
}
