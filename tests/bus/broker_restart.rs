//! A broker that dies and comes back.

use crate::{admitted, bus, bus_config, context, own_broker};
use common::bus::{CallError, Queue, SchedulerMessage, SubmitAnswer};
use common::model::{OperationId, VolumeId};
use common::operation::DeleteVolume;
use common::{Error, Result};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn pending_calls_fail_at_once_when_the_broker_dies() -> anyhow::Result<()> {
    let (mut broker, builder) = own_broker().await?;
    let cluster = builder.start().await?;
    let bus = bus(&bus_config(&cluster)?, &CancellationToken::new()).await?;
    // a stopped scheduler keeps the call pending
    cluster.schedulers[0].process.signal(rustix::process::Signal::STOP)?;
    let message = SchedulerMessage::Submit {
        operation_id: OperationId::next(),
        operation: Box::new(
            DeleteVolume { volume_id: VolumeId::random(), snapshots: Vec::new() }.into(),
        ),
    };
    let call = async {
        let patience = context(Duration::from_secs(30));
        bus.call::<_, Result<SubmitAnswer, Error>>(&Queue::Scheduler, patience, message).await
    };
    let killing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        broker.kill();
        Instant::now()
    };
    let (outcome, killed) = tokio::join!(call, killing);
    assert!(matches!(outcome, Err(CallError::NotAnswered(_))), "{outcome:?}");
    assert!(killed.elapsed() < Duration::from_secs(1), "it took {:?}", killed.elapsed());
    drop(cluster);
    broker.stop()
}

#[tokio::test]
async fn service_resumes_soon_after_the_broker_is_back() -> anyhow::Result<()> {
    let (mut broker, builder) = own_broker().await?;
    let cluster = builder.start().await?;
    let client = cluster.client();
    let id = client.create_volume(json!({ "size": 1 })).await?;
    client.wait_for_status(&id, "available").await?;
    broker.kill();
    let begun = Instant::now();
    let refused = client.delete(&format!("/volumes/{id}")).await?;
    assert_eq!(refused.status, 503);
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
    // reading needs no broker
    assert_eq!(client.volume_status(&id).await?.as_deref(), Some("available"));

    broker.start_again().await?;
    let accepting = Instant::now();
    loop {
        let answer = client.delete(&format!("/volumes/{id}")).await?;
        let took = accepting.elapsed();
        if answer.status == 202 {
            assert!(took < Duration::from_secs(2), "it took {took:?}");
            break;
        }
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(took < Duration::from_secs(2), "still not served after {took:?}");
    }
    client.wait_for_status(&id, "deleted").await?;
    assert_eq!(admitted(&cluster, "delete_volume").await?, 1);
    cluster
        .finish(&[
            "the bus connection ends",
            "cannot be connected",
            "asking the gate again",
            "giving up on the gate",
        ])
        .await?;
    broker.stop()
}
