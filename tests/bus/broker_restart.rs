//! A broker that dies and comes back.

use crate::{admitted, bus, bus_config, context, own_broker};
use bus::{CallError, Queue, SchedulerMessage, SubmitAnswer};
use harness::replication::{
    fail_over, of_volume, pair, replicated_with, service, volume, wait_until_serving,
};
use harness::until;
use model::{Error, OperationId, Result, VolumeId};
use operation::DeleteVolume;
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
        let timeout = context(Duration::from_secs(30));
        bus.call::<_, Result<SubmitAnswer, Error>>(&Queue::Scheduler, timeout, message).await
    };
    let killing = async {
        until("the broker has the request", Duration::from_secs(20), || async {
            let queues = broker.control(&["list_queues", "--quiet", "name", "messages"]).await;
            let has_one = |line: &str| line.contains("scheduler") && line.ends_with("\t1");
            queues.is_ok_and(|queues| queues.lines().any(has_one))
        })
        .await?;
        broker.kill();
        anyhow::Ok(Instant::now())
    };
    let (outcome, killed) = tokio::join!(call, killing);
    let killed = killed?;
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
    let started = Instant::now();
    let refused = client.delete(&format!("/volumes/{id}")).await?;
    assert_eq!(refused.status, 503);
    assert!(started.elapsed() < Duration::from_secs(3), "it took {:?}", started.elapsed());
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
            "sending the request again",
            "no answer from the scheduler before the deadline",
        ])
        .await?;
    broker.stop()
}

/// What was admitted is in the database: neither the API that was asked nor the broker is needed to end it.
#[tokio::test]
async fn a_failover_ends_without_the_broker_and_the_api_that_took_it() -> anyhow::Result<()> {
    let (mut broker, builder) = own_broker().await?;
    let mut cluster = replicated_with(builder).await?;
    let mut client = cluster.client();
    let id = volume(&client, "replicated", "").await?;
    for (target, end) in [("b", "failed-over"), ("default", "enabled")] {
        cluster.workers.clear();
        cluster.add_worker(&[("FAILPOINTS", "volume.executed=1*sleep(2000)")]).await?;
        wait_until_serving(&client).await?;
        until("the gate is reached", Duration::from_secs(10), || async {
            fail_over(&client, json!(target)).await.is_ok_and(|answer| answer.status == 202)
        })
        .await?;
        assert_eq!(service(&client).await?["replication_status"], "failing-over");
        broker.kill();
        cluster.apis.clear();
        let database = cluster.database().await?;
        let status = "select replication_status from backends";
        until("the failover is over", Duration::from_secs(15), || async {
            let row = database.query_one(status, &[]).await;
            row.is_ok_and(|row| row.get::<_, String>(0) == end)
        })
        .await?;
        broker.start_again().await?;
        cluster.add_api(&[]).await?;
        client = cluster.client();
        assert_eq!(of_volume(&client, &id).await?, pair("available", end));
    }
    assert_eq!(admitted(&cluster, "failover_backend").await?, 2);
    cluster.finish_unsettled(&[
        "bus",
        "cannot be connected",
        "sending the request again",
        "no answer from the scheduler before the deadline",
    ])?;
    broker.stop()
}
