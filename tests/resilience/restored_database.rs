//! A database that is older than it was: restored from a backup, or a standby that lacked the end.

use harness::ClusterBuilder;
use serde_json::json;

/// Storage remembers the largest claim that it has seen, and refuses smaller ones.
#[tokio::test]
async fn claims_grow_although_their_sequence_went_back() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    let database = cluster.database().await?;
    let largest = async || -> anyhow::Result<i64> {
        Ok(database.query_one("select max(fence) from operations", &[]).await?.get(0))
    };
    let before = largest().await?;
    database.execute("select setval('fence_numbers', 1)", &[]).await?;
    client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    assert!(largest().await? > before);
    let extended = "select fence from operations where kind = 'extend_volume'";
    assert!(database.query_one(extended, &[]).await?.get::<_, i64>(0) > before);
    cluster.finish(&[]).await
}
