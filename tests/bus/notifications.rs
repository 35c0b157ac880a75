//! Notifications: whoever binds a queue is told what operators did, also when the broker was away meanwhile.

use futures_util::StreamExt;
use harness::replication::{fail_over, replicated, wait_for_replication};
use harness::{Servers, until};
use lapin::options::{BasicAckOptions, BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn what_operators_do_is_told_with_its_end() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let namespace = cluster.directory().file_name().unwrap().display().to_string();
    let servers = Servers::of_this_run()?;
    let connection = Connection::connect(&servers.amqp, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
    let exchange = format!("{namespace}.notifications");
    channel
        .queue_bind(
            queue.name().clone(),
            exchange.into(),
            "service.#".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let mut told = channel
        .basic_consume(
            queue.name().clone(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;

    client.operate("freeze", "host@a").await?.expect_status(200)?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    let expected = [
        "service.freeze.start",
        "service.freeze.end",
        "service.thaw.start",
        "service.thaw.end",
        "service.failover.start",
        "service.failover.end",
    ];
    let mut seen: Vec<Value> = Vec::new();
    while seen.len() < expected.len() {
        let delivery = tokio::time::timeout(Duration::from_secs(10), told.next()).await?;
        let Some(delivery) = delivery else { anyhow::bail!("the queue is gone") };
        let delivery = delivery?;
        delivery.ack(BasicAckOptions::default()).await?;
        seen.push(serde_json::from_slice(&delivery.data)?);
    }
    let events: Vec<&str> = seen.iter().filter_map(|one| one["event_type"].as_str()).collect();
    assert_eq!(events, expected);
    let end = &seen[5]["payload"];
    assert_eq!((&end["backend"], &end["arguments"]["target"]), (&json!("host@a"), &json!("b")));
    assert_eq!(end["result"]["failed_over"], 0);
    // what the broker has is forgotten here
    let database = cluster.database().await?;
    until("the outbox is empty", Duration::from_secs(5), || async {
        let left = database.query_one("select count(*) from outbox", &[]).await;
        left.is_ok_and(|row| row.get::<_, i64>(0) == 0)
    })
    .await?;
    // a refused request is no news
    assert_eq!(client.operate("thaw", "host@a").await?.status, 400);
    assert_eq!(database.query_one("select count(*) from outbox", &[]).await?.get::<_, i64>(0), 0);
    cluster.finish(&[]).await
}
