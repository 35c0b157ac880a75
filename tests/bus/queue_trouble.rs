//! Queues that are deleted, or declared by somebody else in another way.

use crate::{bus_config, context};
use anyhow::Context;
use bus::{Queue, Topology};
use harness::{ClusterBuilder, until};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_deleted_queue_comes_back_by_itself() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let config = bus_config(&cluster)?;
    let connection =
        Connection::connect(config.url.expose(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for queue in [Queue::Scheduler, Queue::Backend(cluster.host("a"))] {
        let name = Topology::new(&config).name(&queue);
        channel.queue_delete(name, QueueDeleteOptions::default()).await?;
        let client = cluster.client();
        until("requests are served again", Duration::from_secs(5), || async {
            client
                .post("/volumes", json!({ "volume": { "size": 1 } }))
                .await
                .is_ok_and(|answer| answer.status == 202)
        })
        .await?;
    }
    let expected = [
        "cancelled by the broker",
        "the bus connection ends",
        "sending the request again",
        "no answer from the scheduler before the deadline",
    ];
    cluster.finish(&expected).await
}

#[tokio::test]
async fn a_channel_error_is_survived_and_recovered_from() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let client = cluster.client();
    let config = bus_config(&cluster)?;
    let name = Topology::new(&config).name(&Queue::Scheduler);
    let connection =
        Connection::connect(config.url.expose(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // deleted and at once declared without its arguments: the scheduler's own declaration is an error
    // that closes its channel
    let occupied = async {
        channel.queue_delete(name.clone(), QueueDeleteOptions::default()).await?;
        channel
            .queue_declare(name.clone(), QueueDeclareOptions::default(), FieldTable::default())
            .await
    };
    if occupied.await.is_ok() {
        assert_eq!(client.post("/volumes", json!({ "volume": { "size": 1 } })).await?.status, 503);
        channel.queue_delete(name, QueueDeleteOptions::default()).await?;
    }
    until("requests are served again", Duration::from_secs(5), || async {
        client
            .post("/volumes", json!({ "volume": { "size": 1 } }))
            .await
            .is_ok_and(|answer| answer.status == 202)
    })
    .await
    .with_context(|| cluster.logs())?;
    let expected = [
        "the bus connection ends",
        "sending the request again",
        "no answer from the scheduler before the deadline",
        "PRECONDITION",
    ];
    let said = |text: &str| {
        let lines = cluster.log_lines();
        lines.iter().filter(|(log, line)| log.contains("-api.") && line.contains(text)).count()
    };
    // a request is sent again over a new connection, not again and again over the one that has ended
    assert!(said("sending the request again") <= said("the bus is connected"));
    cluster.finish(&expected).await
}

#[tokio::test]
async fn a_message_that_is_no_message_of_ours_harms_nobody() -> anyhow::Result<()> {
    let cluster = ClusterBuilder::for_test().await?.start().await?;
    let bus =
        crate::bus(&bus_config(&cluster)?, &tokio_util::sync::CancellationToken::new()).await?;
    let timeout = Duration::from_secs(5);
    let answer: Result<serde_json::Value, model::Error> =
        bus.call(&Queue::Scheduler, context(timeout), json!({ "message": "dance" })).await?;
    assert_eq!(answer.unwrap_err().kind(), model::ErrorKind::Internal);
    let id = cluster.client().create_volume(json!({ "size": 1 })).await?;
    cluster.client().wait_for_status(&id, "available").await?;
    cluster.finish(&["dropped an undecodable message"]).await
}
