//! What must hold of `end_drill`.

use harness::replication::{fail_over, replicated, wait_for_replication};
use harness::until;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_drill_can_be_ended_wherever_the_backend_serves() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let refused = client.operate("end_drill", "host@a").await?.expect_status(400)?;
    assert!(refused.fault().contains("no drill to end"), "{}", refused.body);
    client.operate("begin_drill", "host@a").await?.expect_status(202)?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.operate("end_drill", "host@a").await?.expect_status(202)?;
    until("it has ended", Duration::from_secs(10), || async {
        client.operate("end_drill", "host@a").await.is_ok_and(|answer| answer.status == 400)
    })
    .await?;
    cluster.finish(&[]).await
}
