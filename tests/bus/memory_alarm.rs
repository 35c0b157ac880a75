//! A broker that refuses messages because its memory is full.

use crate::{admitted, own_broker};
use harness::until;
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn while_the_broker_refuses_messages_requests_fail_at_once_and_never_happen()
-> anyhow::Result<()> {
    let (broker, builder) = own_broker().await?;
    let cluster = builder.start().await?;
    let client = cluster.client();
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1"]).await?;
    // the broker says so only to who publishes: the first request may find out
    let create = json!({ "volume": { "size": 1 } });
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let refused = client.post("/volumes", create.clone()).await?;
        fastest = fastest.min(started.elapsed());
        assert_eq!(refused.status, 503, "{}", refused.body);
    }
    assert!(fastest < Duration::from_millis(500), "it took {fastest:?}");

    broker.control(&["set_vm_memory_high_watermark", "0.6"]).await?;
    until("requests are served again", Duration::from_secs(10), || async {
        client.post("/volumes", create.clone()).await.is_ok_and(|answer| answer.status == 202)
    })
    .await?;
    // what was published during the alarm has arrived by now, and was not admitted
    assert_eq!(admitted(&cluster, "create_volume").await?, 1);
    cluster
        .finish(&[
            "blocks publishing",
            "the bus connection ends",
            "sending the request again",
            "no answer from the scheduler before the deadline",
            // one that the broker took during the alarm and passed on after its time
            "dropped a request whose time was up",
        ])
        .await?;
    broker.stop()
}
