//! Nobody at the gate.

use crate::admitted;
use harness::{ClusterBuilder, until};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn without_a_scheduler_a_request_fails_in_milliseconds_and_for_certain() -> anyhow::Result<()>
{
    let mut cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    cluster.schedulers[0].process.kill();
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let refused = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
        fastest = fastest.min(started.elapsed());
        assert_eq!(refused.status, 503);
        assert!(refused.headers.contains_key("retry-after"));
        assert!(refused.body["serviceUnavailable"]["message"].is_string(), "{}", refused.body);
    }
    assert!(fastest < Duration::from_millis(100), "it took {fastest:?}");

    // the requests lie in the queue; whoever consumes it later finds them revoked
    cluster.add_scheduler(&[]).await?;
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    assert_eq!(admitted(&cluster, "create_volume").await?, 1);
    cluster.finish(&["no answer from the scheduler before the deadline"]).await
}

/// When the schedulers are dead, an operator needs the list most.
#[tokio::test]
async fn without_a_scheduler_the_services_are_listed_at_every_version() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.schedulers(2).start().await?;
    let client = cluster.client();
    for scheduler in &mut cluster.schedulers {
        scheduler.process.kill();
    }
    let state = |services: &serde_json::Value, binary: &str| {
        let mut services = services["services"].as_array().into_iter().flatten();
        let found = services.find(|service| service["binary"] == binary);
        found.map(|service| service["state"].clone()).unwrap_or_default()
    };
    until("the list says so", Duration::from_secs(10), || async {
        let listed = client.get("/os-services").await;
        listed.is_ok_and(|listed| state(&listed.body, "cinder-scheduler") == "down")
    })
    .await?;
    // since 3.49 Cinder asks the schedulers for the backends' states
    for version in ["", "volume 3.0", "volume 3.48", "volume 3.49", "volume 3.71"] {
        let client = client.with_version(version);
        let started = Instant::now();
        let listed = client.get("/os-services").await?.expect_status(200)?.body;
        // nobody was waited for who does not answer
        assert!(started.elapsed() < Duration::from_secs(5), "{version}: {:?}", started.elapsed());
        assert_eq!(state(&listed, "cinder-scheduler"), "down", "{version}: {listed}");
        assert_eq!(state(&listed, "cinder-volume"), "up", "{version}: {listed}");
    }
    let listed = client.get("/os-services?binary=cinder-volume").await?.expect_status(200)?.body;
    assert_eq!(listed["services"][0]["backend_state"], "up");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn one_scheduler_of_two_may_die_under_load() -> anyhow::Result<()> {
    let mut cluster = ClusterBuilder::for_test().await?.schedulers(2).start().await?;
    let client = cluster.client();
    let requests: Vec<_> = (0..40)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.create_volume(json!({ "size": 1 })).await })
        })
        .collect();
    cluster.schedulers[0].process.kill();
    for request in requests {
        let id = request.await??;
        client.wait_for_status(&id, "available").await?;
    }
    assert_eq!(admitted(&cluster, "create_volume").await?, 40);
    cluster.finish(&["sending the request again"]).await
}
