//! Every exchange, queue and key that cinderblock uses.
//!
//! | name | what | who publishes → who consumes |
//! |---|---|---|
//! | `<namespace>.scheduler` | queue | API → any scheduler |
//! | `<namespace>.backend.<host@backend>` | queue | scheduler → a worker of that backend |
//! | `<namespace>.notifications` | topic exchange, keys are event types | scheduler → whoever binds a queue |
//! | `<namespace>.topics` | direct exchange, keys are topics of fan-out messages | any → every process that subscribes, on an exclusive queue |
//! | `amq.rabbitmq.reply-to` | RabbitMQ's direct reply-to | whoever was asked → who asked |

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
    /// The routing key.
    #[must_use]
    pub(super) fn key(&self) -> ShortString {
        match self {
            Self::BackendReports => "backend_reports".into(),
            Self::FailoversOf(backend) => format!("failovers.{backend}").into(),
            Self::LogLevels => "log_levels".into(),
        }
    }
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
        }
    }

    /// The exchange of fan-out messages.
    #[must_use]
    pub fn fan_out(&self) -> ShortString {
        format!("{}.topics", self.namespace).into()
    }

    /// Makes sure that a queue is there; returns how many consumers it has.
    pub(super) async fn declare(&self, channel: &Channel, queue: &Queue) -> lapin::Result<u32> {
        let mut arguments = FieldTable::default();
        let kind = self.queue_type.as_str();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(kind.into()));
        let declared = channel
            .queue_declare(self.name(queue), QueueDeclareOptions::durable(), arguments)
            .await?;
        Ok(declared.consumer_count())
    }

    /// The exchange for whoever wants to be told of what operators did.
    #[must_use]
    pub fn notifications(&self) -> ShortString {
        format!("{}.notifications", self.namespace).into()
    }

    /// Makes sure that the exchanges are there.
    pub(super) async fn declare_exchanges(&self, channel: &Channel) -> lapin::Result<()> {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        for (name, kind) in
            [(self.fan_out(), ExchangeKind::Direct), (self.notifications(), ExchangeKind::Topic)]
        {
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
        channel
            .queue_bind(
                queue.name().clone(),
                self.fan_out(),
                topic.key(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(queue.name().clone())
    }
}
