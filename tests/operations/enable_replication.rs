//! What must hold of `enable_replication`.

use harness::ClusterBuilder;
use harness::replication::{replicated, service};

#[tokio::test]
async fn there_is_something_to_enable_only_where_targets_are_and_nothing_is_replicated()
-> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let refused = cluster.client().operate("replication_enable", "host@a").await?;
    assert!(refused.expect_status(400)?.fault().contains("Replication cannot be enabled"));
    cluster.finish(&[]).await?;

    let cluster = replicated().await?;
    let client = cluster.client();
    assert_eq!(client.operate("replication_enable", "host@a").await?.status, 400);
    // what an operator has switched off by hand
    let off = "update backends set replication_status = 'disabled'";
    cluster.database().await?.execute(off, &[]).await?;
    client.operate("replication_enable", "host@a").await?.expect_status(200)?;
    assert_eq!(service(&client).await?["replication_status"], "enabled");
    cluster.finish(&[]).await
}
