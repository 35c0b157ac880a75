//! Consumers: what a process receives, generation after generation.
//!
//! A message is acknowledged once its receiver has answered, which is after what it asked for is
//! durable; a process that dies before leaves it to another one. A message whose deadline has passed
//! is dropped unread.

use super::message::{Context, Envelope};
use super::signature::RequestKey;
use super::supervisor::{Bus, Generation};
use super::topology::{Queue, Topic};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Consumer};
use model::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// The pause after a subscription failed for a reason that does not end the generation's connection.
const RESUBSCRIBE_DELAY: Duration = Duration::from_millis(200);
/// How long the broker may take to accept a subscription.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a consumer asks whether its queue still has one. The broker tells when it cancels a consumer, but not always:
/// where the queue is deleted and at once declared again, it moves the consumer to the new one, and may then be silent when
/// that is deleted too.
const CONSUMER_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Receives messages of one type. Whatever `receive` returns is sent back to whoever asked for it.
pub trait Receive: Send + Sync + 'static {
    /// The type of the messages.
    type Message: DeserializeOwned + Send;
    /// The type of the answers; `()` where nobody waits for one.
    type Reply: Serialize + Send + 'static;

    /// Acts on a message. When it returns, the message is acknowledged: what it asked for must be
    /// durable by then.
    fn receive(
        self: &Arc<Self>,
        context: Context,
        message: Self::Message,
    ) -> impl Future<Output = Result<Self::Reply, Error>> + Send;
}

/// Where messages come from.
#[derive(Clone, Debug)]
pub enum ConsumerSource {
    /// A queue, and the most messages of it at once.
    Queue(Queue, u16),
    /// The fan-out messages about a topic.
    Topic(Topic),
}

impl ConsumerSource {
    /// The key with which its messages are signed, if they are.
    fn request_key<'a>(&self, bus: &'a Bus) -> Option<&'a RequestKey> {
        match self {
            Self::Queue(queue, _) => bus.request_key(queue),
            Self::Topic(_) => None,
        }
    }
}

impl Bus {
    /// Receives from a source until the bus stops, then waits for what was begun.
    pub async fn serve<R: Receive>(&self, source: ConsumerSource, receiver: Arc<R>) {
        let started = TaskTracker::new();
        self.subscriptions.want();
        while let Some(generation) = self.next_generation().await {
            match self.subscribe_in_time(&generation, &source).await {
                Ok((channel, consumer)) => {
                    let _subscribed = self.subscriptions.subscribed();
                    let key = source.request_key(self);
                    tokio::select! {
                        () = self.take(&generation, channel.clone(), consumer, &receiver, &started, key) => {}
                        reason = self.until_lost(&channel, &source) => generation.end(&reason),
                    }
                }
                Err(error) => generation.end(&error),
            }
            tokio::select! {
                () = self.stopping().cancelled() => {}
                () = tokio::time::sleep(RESUBSCRIBE_DELAY) => {}
            }
        }
        started.close();
        started.wait().await;
    }

    /// Subscribes before the generation ends and within a bound: what is asked of a connection that breaks meanwhile
    /// may never be answered.
    async fn subscribe_in_time(
        &self,
        generation: &Generation,
        source: &ConsumerSource,
    ) -> Result<(Channel, Consumer), String> {
        tokio::select! {
            () = generation.ended().cancelled() => Err("it has ended".to_owned()),
            subscribed = tokio::time::timeout(SUBSCRIBE_TIMEOUT, self.subscribe(generation, source)) => {
                let late = |_| "the broker does not answer a subscription".to_owned();
                subscribed.map_err(late)?.map_err(|error| error.to_string())
            }
        }
    }

    async fn subscribe(
        &self,
        generation: &Generation,
        source: &ConsumerSource,
    ) -> lapin::Result<(Channel, Consumer)> {
        let channel = generation.channel().await?;
        let queue = match source {
            ConsumerSource::Queue(queue, at_once) => {
                self.topology().declare(&channel, queue).await?;
                channel.basic_qos(*at_once, BasicQosOptions::default()).await?;
                self.topology().name(queue)
            }
            ConsumerSource::Topic(topic) => self.topology().subscribe(&channel, topic).await?,
        };
        let options = BasicConsumeOptions::default();
        let consumer =
            channel.basic_consume(queue, "".into(), options, FieldTable::default()).await?;
        Ok((channel, consumer))
    }

    /// Returns, with the reason, once the source's queue has no consumer any more.
    async fn until_lost(&self, channel: &Channel, source: &ConsumerSource) -> String {
        let queue = match source {
            ConsumerSource::Queue(queue, _) => queue,
            ConsumerSource::Topic(_) => return std::future::pending().await,
        };
        loop {
            tokio::time::sleep(CONSUMER_CHECK_INTERVAL).await;
            match self.topology().consumer_count(channel, queue).await {
                Ok(0) => return "the queue has lost its consumer".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    async fn take<R: Receive>(
        &self,
        generation: &Arc<Generation>,
        channel: Channel,
        mut consumer: Consumer,
        receiver: &Arc<R>,
        started: &TaskTracker,
        key: Option<&RequestKey>,
    ) {
        loop {
            let delivery = tokio::select! {
                () = self.stopping().cancelled() => return,
                () = generation.ended().cancelled() => return,
                delivery = consumer.next() => delivery,
            };
            match delivery {
                Some(Ok(delivery)) => {
                    let key = key.cloned();
                    let (receiver, generation) = (receiver.clone(), generation.clone());
                    started.spawn(handle(receiver, generation, channel.clone(), delivery, key));
                }
                // after an error the stream never ends and never yields again
                Some(Err(error)) => return generation.end(&error.to_string()),
                None => return generation.end("a consumer was cancelled by the broker"),
            }
        }
    }
}

async fn handle<R: Receive>(
    receiver: Arc<R>,
    generation: Arc<Generation>,
    channel: Channel,
    delivery: Delivery,
    key: Option<RequestKey>,
) {
    let is_believed = key.is_none_or(|key| key.has_signed(&delivery.properties, &delivery.data));
    let reply = if is_believed { act(receiver, &delivery).await } else { Some(unsigned()) };
    if let Some(reply) = reply {
        match serde_json::to_vec(&reply) {
            Ok(payload) => send_reply(&channel, &delivery, &payload).await,
            Err(error) => tracing::error!(%error, "a reply cannot be encoded"),
        }
    }
    match delivery.ack(BasicAckOptions::default()).await {
        Ok(true) => {}
        Ok(false) => generation.end("an acknowledgement was not sent"),
        Err(error) => generation.end(&error.to_string()),
    }
}

/// Acts on a message; returns what is to be replied, unless its time was up.
async fn act<R: Receive>(receiver: Arc<R>, delivery: &Delivery) -> Option<Result<R::Reply, Error>> {
    match Envelope::<R::Message>::decode(&delivery.data) {
        Ok(envelope) if envelope.context.remaining().is_zero() => {
            expired(delivery, &envelope.context);
            None
        }
        Ok(Envelope { context, body, .. }) => {
            let context = Context { redelivered: delivery.redelivered, ..context };
            // a task of its own, so that a panic costs one request and not the consumer
            let work = async move { receiver.receive(context, body).await };
            Some(tokio::spawn(work).await.unwrap_or_else(|panic| Err(Error::internal(panic))))
        }
        Err(error) => {
            tracing::warn!(%error, bytes = delivery.data.len(), "dropped an undecodable message");
            Some(Err(Error::internal(error)))
        }
    }
}

/// The answer to what may come from anybody.
fn unsigned<Reply>() -> Result<Reply, Error> {
    tracing::warn!("dropped a request that is not signed with this scheduler's bus.request_key");
    Err(Error::internal("the request is not signed with the schedulers' bus.request_key"))
}

/// The broker drops what nobody received in time. So the receiver was slow, or the clocks differ, which would drop every
/// request: worth a warning where somebody waits for the answer.
fn expired(delivery: &Delivery, context: &Context) {
    let request_id = &context.request_id;
    if delivery.properties.reply_to().is_some() {
        tracing::warn!(%request_id, "dropped a request whose time was up: is the clock of this host right?");
    } else {
        tracing::debug!(%request_id, "dropped a message whose time was up");
    }
}

/// Replies are best effort: whoever asked finds the outcome in the operation log otherwise.
async fn send_reply(channel: &Channel, request: &Delivery, payload: &[u8]) {
    let (Some(reply_to), Some(correlation_id)) =
        (request.properties.reply_to(), request.properties.correlation_id())
    else {
        return;
    };
    let properties = BasicProperties::default().with_correlation_id(correlation_id.clone());
    #[expect(clippy::disallowed_methods, reason = "this is the bus")]
    let sent = channel
        .basic_publish(
            "".into(),
            reply_to.clone(),
            BasicPublishOptions::default(),
            payload,
            properties,
        )
        .await;
    if let Err(error) = sent {
        tracing::debug!(%error, "a reply was not sent");
    }
}
