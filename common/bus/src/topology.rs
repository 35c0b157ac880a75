//! Every exchange, queue and key that cinderblock uses.
//!
//! | exchange | its keys | who publishes | who consumes |
//! |---|---|---|---|
//! | `<namespace>.requests` | queues | API, operators' commands | any scheduler, from the queue `<namespace>.scheduler` |
//! | `<namespace>.backends` | queues | scheduler, worker, API | a worker of the backend, from its queue `<namespace>.backend.<host@backend>`; a backup service, from `<namespace>.backup` |
//! | `<namespace>.backend_reports` | none | worker | every scheduler, from a queue of its own |
//! | `<namespace>.failovers` | backends | worker | every worker of the backend, from a queue of its own |
//! | `<namespace>.log_levels` | none | API | every process, from a queue of its own |
//! | `<namespace>.notifications` (a topic exchange) | event types | scheduler | whoever binds a queue |
//! | RabbitMQ's default exchange | RabbitMQ's direct reply-to | whoever was asked | who asked |
//!
//! Each has an exchange of its own, because RabbitMQ's rights are about exchanges and queues: see [`crate::rights`].

use configuration::{BusConfig, QueueType};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

/// RabbitMQ's name for "back to the channel that asked".
pub(super) const DIRECT_REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// A queue that messages are sent to by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Shared by all schedulers.
    Scheduler,
    /// Shared by the workers of the backend of this name.
    Backend(String),
    /// Shared by all backup services.
    Backup,
}

/// What a fan-out message is about. A process subscribes to a topic, so that what a backend reports costs no other backend
/// anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// What backends can take: for schedulers.
    BackendReports,
    /// The failovers of the backend of this name: for its workers.
    FailoversOf(String),
    /// What is logged: for every process.
    LogLevels,
}

impl Topic {
    const fn exchange(&self) -> Exchange {
        match self {
            Self::BackendReports => Exchange::BackendReports,
            Self::FailoversOf(_) => Exchange::Failovers,
            Self::LogLevels => Exchange::LogLevels,
        }
    }

    fn key(&self) -> ShortString {
        match self {
            Self::BackendReports | Self::LogLevels => "".into(),
            Self::FailoversOf(backend) => backend.as_str().into(),
        }
    }
}

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    Requests,
    Backends,
    BackendReports,
    Failovers,
    LogLevels,
    Notifications,
}

impl Exchange {
    pub const ALL: [Self; 6] = [
        Self::Requests,
        Self::Backends,
        Self::BackendReports,
        Self::Failovers,
        Self::LogLevels,
        Self::Notifications,
    ];

    /// Its name, behind the namespace.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Backends => "backends",
            Self::BackendReports => "backend_reports",
            Self::Failovers => "failovers",
            Self::LogLevels => "log_levels",
            Self::Notifications => "notifications",
        }
    }

    /// How it looks at keys: for AMQP, and as RabbitMQ's definitions have it.
    pub const fn kind(self) -> (ExchangeKind, &'static str) {
        match self {
            Self::Requests
            | Self::Backends
            | Self::BackendReports
            | Self::Failovers
            | Self::LogLevels => (ExchangeKind::Direct, "direct"),
            Self::Notifications => (ExchangeKind::Topic, "topic"),
        }
    }
}

/// An exchange and a key.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub exchange: ShortString,
    pub key: ShortString,
}

/// The names of one installation.
#[derive(Clone, Debug)]
pub struct Topology {
    namespace: String,
    queue_type: QueueType,
}

impl Topology {
    /// The names that the configuration asks for.
    #[must_use]
    pub fn new(config: &BusConfig) -> Self {
        Self { namespace: config.namespace.clone(), queue_type: config.queue_type }
    }

    /// The queue's name on the broker.
    #[must_use]
    pub fn name(&self, queue: &Queue) -> ShortString {
        match queue {
            Queue::Scheduler => format!("{}.scheduler", self.namespace).into(),
            Queue::Backend(name) => format!("{}.backend.{name}", self.namespace).into(),
            Queue::Backup => format!("{}.backup", self.namespace).into(),
        }
    }

    /// Where messages for a queue go.
    pub(super) fn of_queue(&self, queue: &Queue) -> Address {
        let exchange = match queue {
            Queue::Scheduler => Exchange::Requests,
            Queue::Backend(_) | Queue::Backup => Exchange::Backends,
        };
        Address { exchange: self.exchange(exchange), key: self.name(queue) }
    }

    /// Where messages about a topic go.
    pub(super) fn of_topic(&self, topic: &Topic) -> Address {
        Address { exchange: self.exchange(topic.exchange()), key: topic.key() }
    }

    /// The name of an exchange.
    pub(super) fn exchange(&self, exchange: Exchange) -> ShortString {
        format!("{}.{}", self.namespace, exchange.as_str()).into()
    }

    /// The exchange for whoever wants to be told of what operators did.
    #[must_use]
    pub fn notifications(&self) -> ShortString {
        self.exchange(Exchange::Notifications)
    }

    /// Makes sure that a queue is there, and gets what is sent to it.
    pub(super) async fn declare(&self, channel: &Channel, queue: &Queue) -> lapin::Result<()> {
        let mut arguments = FieldTable::default();
        let kind = self.queue_type.as_str();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let Address { exchange, key } = self.of_queue(queue);
        channel.queue_declare(key.clone(), QueueDeclareOptions::durable(), arguments).await?;
        bind(channel, key.clone(), Address { exchange, key }).await
    }

    /// How many consumers a queue has. That it is not there is an error, which ends the channel.
    pub(super) async fn consumer_count(
        &self,
        channel: &Channel,
        queue: &Queue,
    ) -> lapin::Result<u32> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let shown = channel.queue_declare(self.name(queue), options, FieldTable::default()).await?;
        Ok(shown.consumer_count())
    }

    /// Makes sure that the exchanges are there.
    pub(super) async fn declare_exchanges(&self, channel: &Channel) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        for exchange in Exchange::ALL {
            let (name, (kind, _)) = (self.exchange(exchange), exchange.kind());
            channel.exchange_declare(name, kind, options, FieldTable::default()).await?;
        }
        Ok(())
    }

    /// A queue of this channel's own that receives every fan-out message about a topic; returns its name.
    pub(super) async fn subscribe(
        &self,
        channel: &Channel,
        topic: &Topic,
    ) -> lapin::Result<ShortString> {
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
        bind(channel, queue.name().clone(), self.of_topic(topic)).await?;
        Ok(queue.name().clone())
    }
}

/// Has a queue get what is sent to an address.
async fn bind(channel: &Channel, queue: ShortString, to: Address) -> lapin::Result<()> {
    let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue, to.exchange, to.key, options, arguments).await
}
