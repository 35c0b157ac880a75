//! Processes that are told to stop.

use crate::two_workers::wait_until_running;
use harness::ClusterBuilder;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_worker_that_is_told_to_stop_finishes_what_it_has_begun() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let slow = json!({ "size": 1, "metadata": { "fake:latency_ms": "1000" } });
    let id = client.create_volume(slow).await?;
    wait_until_running(&cluster).await?;
    let (status, took) = cluster.workers[0].process.terminate(Duration::from_secs(20))?;
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));
    // it has said that it stopped: nobody has to wait until its silence is noticed
    let refused = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
    assert_eq!(refused.status, 503);
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_a_stopping_worker_cannot_finish_is_handed_over() -> anyhow::Result<()> {
    let settings = "[quota]\nvolumes = -1\ngigabytes = -1\n";
    let mut cluster = ClusterBuilder::for_test().await?.settings(settings).start().await?;
    let client = cluster.client();
    let endless = json!({ "size": 1, "metadata": { "fake:latency_ms": "60000" } });
    let id = client.create_volume(endless).await?;
    wait_until_running(&cluster).await?;
    let database = cluster.database().await?;
    let row = "select state, lease_until <= clock_timestamp(), fence from operations";
    let held: i64 = database.query_one(row, &[]).await?.get(2);
    let (status, took) = cluster.workers[0].process.terminate(Duration::from_secs(20))?;
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(12), "it took {took:?}");
    let row = database.query_one(row, &[]).await?;
    assert_eq!((row.get::<_, &str>(0), row.get::<_, bool>(1)), ("running", true));
    // until it was gone, the worker went on with it: it must not have been able to renew its lease
    assert!(row.get::<_, i64>(2) > held);
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("creating"));
    cluster.finish_unsettled(&[])
}

#[tokio::test]
async fn api_and_scheduler_end_in_order_within_their_bound() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    for services in [&mut cluster.apis, &mut cluster.schedulers] {
        let (status, took) = services[0].process.terminate(Duration::from_secs(20))?;
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(11), "it took {took:?}");
    }
    cluster.finish(&[]).await
}
