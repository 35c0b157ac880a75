//! An echo with `lapin`: a connection for the callers, one for whoever answers.

use super::PAYLOAD;
use crate::generator;
use anyhow::Context;
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// Echoes per second.
pub async fn rate(broker: &str, callers: usize, time: Duration) -> anyhow::Result<f64> {
    let connect = || Connection::connect(broker, ConnectionProperties::default());
    let (callers_connection, echo_connection) = tokio::try_join!(connect(), connect())?;
    let queue = format!("load-{}", uuid::Uuid::new_v4().simple());
    let echo = tokio::spawn(echo(echo_connection.create_channel().await?, queue.clone()));
    let channel = callers_connection.create_channel().await?;
    let waiting = Waiting::default();
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut replies =
        channel.basic_consume(REPLY_TO.into(), "".into(), options, FieldTable::default()).await?;
    let taking = tokio::spawn({
        let waiting = waiting.clone();
        async move {
            while let Some(Ok(reply)) = replies.next().await {
                let id = reply.properties.correlation_id().as_ref().map(ToString::to_string);
                let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(caller) = id.and_then(|id| waiting.remove(&id)) {
                    let _ = caller.send(());
                }
            }
        }
    });
    wait_for(&channel, &queue).await?;
    let ask = move || call(channel.clone(), queue.clone(), waiting.clone());
    let load = generator::closed(callers, time, ask).await?;
    callers_connection.close(200, "bye".into()).await?;
    echo_connection.close(200, "bye".into()).await?;
    taking.await?;
    echo.await??;
    Ok(load.rate())
}

async fn wait_for(channel: &Channel, queue: &str) -> anyhow::Result<()> {
    harness::until("the echo listens", Duration::from_secs(5), || async {
        let options = QueueDeclareOptions { auto_delete: true, ..QueueDeclareOptions::default() };
        let declared = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
        declared.is_ok_and(|queue| queue.consumer_count() == 1)
    })
    .await
}

async fn call(channel: Channel, queue: String, waiting: Waiting) -> anyhow::Result<Option<()>> {
    let (sender, answered) = oneshot::channel();
    let id = uuid::Uuid::new_v4().to_string();
    let properties = BasicProperties::default()
        .with_correlation_id(id.as_str().into())
        .with_reply_to(REPLY_TO.into());
    waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
    publish(&channel, &queue, PAYLOAD, properties).await?;
    answered.await?;
    Ok(Some(()))
}

async fn echo(channel: Channel, queue: String) -> anyhow::Result<()> {
    let options = QueueDeclareOptions { auto_delete: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut requests = channel
        .basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default())
        .await?;
    while let Some(Ok(request)) = requests.next().await {
        let reply_to = request.properties.reply_to().clone().context("a reply-to")?;
        let id = request.properties.correlation_id().clone().context("a correlation id")?;
        let properties = BasicProperties::default().with_correlation_id(id);
        publish(&channel, reply_to.as_str(), &request.data, properties).await?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it is measured against the bus")]
async fn publish(
    channel: &Channel,
    to: &str,
    payload: &[u8],
    properties: BasicProperties,
) -> anyhow::Result<()> {
    let options = BasicPublishOptions::default();
    channel.basic_publish("".into(), to.into(), options, payload, properties).await?;
    Ok(())
}
