//! Requests of which more than one delivery is at work.

use harness::{ClusterBuilder, until};
use serde_json::json;
use std::time::Duration;

/// The first delivery hangs in the scheduler, the second one is refused: the client hears of a refusal, and so it stays.
#[tokio::test]
async fn what_was_refused_is_not_admitted_by_an_earlier_delivery() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let volume = client.available_volume(1).await?;
    client.operate("freeze", &cluster.host("a")).await?.expect_status(200)?;
    // not killed: the freeze, unacknowledged, would be delivered to the next scheduler and hang there instead
    cluster.schedulers[0].process.terminate(Duration::from_secs(10))?;
    cluster.schedulers.clear();
    cluster.add_scheduler(&[("FAILPOINTS", "scheduler.admit=1*sleep(4500)")]).await?;
    let extended = client.act(&volume, "os-extend", json!({ "new_size": 2 })).await?;
    assert_eq!(extended.status, 400);
    client.operate("thaw", &cluster.host("a")).await?.expect_status(200)?;
    until("the first delivery has come to its end", Duration::from_secs(10), || async {
        cluster.logs().contains("The request was revoked")
    })
    .await?;
    let shown = client.get(&format!("/volumes/{volume}")).await?;
    assert_eq!(shown.body["volume"]["size"], 1);
    cluster.finish(&["sending the request again"]).await
}
