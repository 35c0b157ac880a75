//! The connection and its generations.
//!
//! A generation is one connection with its channels, from the moment everything on it works until the
//! first error of any of them. Nothing is repaired inside a generation: it ends, every waiting caller
//! gets an error at once, and the supervisor builds the next one, without limit.

use super::signature::RequestKey;
use super::tls;
use super::topology::{DIRECT_REPLY_TO, Queue, Topology};
use configuration::BusConfig;
use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, Consumer, Event};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// The first pause after a failed or ended connection; it doubles up to [`MAX_BACKOFF`].
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_millis(500);

/// The largest frame; longer messages travel in several. `lapin` keeps two buffers of 32 frames for each connection, and goes
/// round in them: with RabbitMQ's 128 KiB these are 8 MiB, all of them touched.
const MAX_FRAME_BYTES: u32 = 16 * 1024;

/// A handle on the bus. Cheap to clone.
#[derive(Clone)]
pub struct Bus {
    generation: watch::Receiver<Option<Arc<Generation>>>,
    topology: Arc<Topology>,
    /// With which requests to schedulers are signed, if they are.
    request_key: Option<RequestKey>,
    /// What the process receives from.
    pub(super) subscriptions: Arc<Subscriptions>,
    stopping: CancellationToken,
}

/// How many sources a process receives from, and how many of these it is subscribed to now.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    wanted: AtomicUsize,
    subscribed: AtomicUsize,
}

/// A subscription, until it is dropped.
pub(super) struct ActiveSubscription<'a>(&'a Subscriptions);

impl Subscriptions {
    /// One more is received from, for as long as the process lives.
    pub fn want(&self) {
        self.wanted.fetch_add(1, Ordering::Relaxed);
    }

    /// One of them is subscribed to.
    pub fn subscribed(&self) -> ActiveSubscription<'_> {
        self.subscribed.fetch_add(1, Ordering::Relaxed);
        ActiveSubscription(self)
    }

    fn are_subscribed(&self) -> bool {
        self.subscribed.load(Ordering::Relaxed) == self.wanted.load(Ordering::Relaxed)
    }
}

impl Drop for ActiveSubscription<'_> {
    fn drop(&mut self) {
        self.0.subscribed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection while everything on it works.
pub(super) struct Generation {
    connection: Connection,
    /// Calls leave here and replies come back here, as direct reply-to wants it.
    pub(super) calls: Channel,
    /// Hints, fan-outs and questions to the broker.
    pub(super) publish_channel: Channel,
    /// The calls that wait for a reply, by correlation id.
    pending: Mutex<HashMap<String, oneshot::Sender<CallReply>>>,
    /// Whether the broker refuses publishes now (a memory or disk alarm).
    blocked: watch::Sender<bool>,
    /// How many consumers a queue had, and when that was asked.
    pub(super) consumers: tokio::sync::Mutex<HashMap<super::Queue, (Instant, u32)>>,
    ended: CancellationToken,
}

/// What became of a call.
#[derive(Debug)]
pub(super) enum CallReply {
    Reply(Vec<u8>),
    /// The broker had no queue for it.
    NoRoute,
}

impl Bus {
    /// Starts the supervisor; `name` is shown in the broker's list of connections. With `stopping`
    /// consumers take nothing more; the connection stays for what has begun, until the last handle
    /// is dropped.
    #[must_use]
    pub fn start(config: &BusConfig, name: &str, stopping: CancellationToken) -> Self {
        let topology = Arc::new(Topology::new(config));
        let (publisher, generation) = watch::channel(None);
        let supervisor = Supervisor {
            config: config.clone(),
            name: name.to_owned(),
            topology: topology.clone(),
            publisher,
        };
        tokio::spawn(supervisor.run());
        let request_key = config.request_key.as_ref().map(RequestKey::new);
        Self { generation, topology, request_key, subscriptions: Arc::default(), stopping }
    }

    /// Whether the bus is connected and takes messages, and the process receives what is meant for it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let takes_messages = self.generation().is_some_and(|generation| !generation.is_blocked());
        takes_messages && self.subscriptions.are_subscribed()
    }

    /// The names that it uses.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The key for what goes through a queue: requests to schedulers are signed.
    pub(super) fn request_key(&self, queue: &Queue) -> Option<&RequestKey> {
        match queue {
            Queue::Scheduler => self.request_key.as_ref(),
            Queue::Backend(_) | Queue::Backup => None,
        }
    }

    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// The current generation; one that has ended is none, also before the supervisor has taken it away.
    pub(super) fn generation(&self) -> Option<Arc<Generation>> {
        let generation = self.generation.borrow();
        generation.as_ref().filter(|generation| !generation.has_ended()).cloned()
    }

    /// The current generation, or the next one as soon as there is one; `None` once the bus stops.
    pub(super) async fn next_generation(&self) -> Option<Arc<Generation>> {
        let mut generations = self.generation.clone();
        let lives = |generation: &Option<Arc<Generation>>| {
            generation.as_ref().is_some_and(|generation| !generation.has_ended())
        };
        tokio::select! {
            () = self.stopping.cancelled() => None,
            found = generations.wait_for(lives) => found.ok()?.clone(),
        }
    }

    /// Waits up to `timeout` for a connection.
    pub async fn wait_until_ready(&self, timeout: Duration) -> bool {
        matches!(tokio::time::timeout(timeout, self.next_generation()).await, Ok(Some(_)))
    }
}

impl Generation {
    pub(super) fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    pub(super) fn watch_blocked(&self) -> watch::Receiver<bool> {
        self.blocked.subscribe()
    }

    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Ends the generation; the first reason is logged.
    pub(super) fn end(&self, reason: &str) {
        if !self.has_ended() {
            tracing::warn!(reason, "the bus connection ends");
            self.ended.cancel();
        }
    }

    pub(super) fn expect_reply(&self, correlation_id: String) -> oneshot::Receiver<CallReply> {
        let (sender, receiver) = oneshot::channel();
        self.pending().insert(correlation_id, sender);
        receiver
    }

    pub(super) fn answer(&self, correlation_id: &str, answer: CallReply) {
        if let Some(waiting) = self.pending().remove(correlation_id) {
            // whoever waited may have given up
            let _ = waiting.send(answer);
        }
    }

    pub(super) fn forget(&self, correlation_id: &str) {
        self.pending().remove(correlation_id);
    }

    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        self.connection.create_channel().await
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<String, oneshot::Sender<CallReply>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Supervisor {
    config: BusConfig,
    name: String,
    topology: Arc<Topology>,
    publisher: watch::Sender<Option<Arc<Generation>>>,
}

impl Supervisor {
    async fn run(self) {
        let mut pause = INITIAL_BACKOFF;
        let mut complained = false;
        while !self.publisher.is_closed() {
            match self.build().await {
                Ok(generation) => {
                    tracing::info!("the bus is connected");
                    (pause, complained) = (INITIAL_BACKOFF, false);
                    self.live(generation).await;
                }
                Err(error) if complained => {
                    tracing::debug!(%error, "the bus is still not connected")
                }
                Err(error) => {
                    complained = true;
                    tracing::warn!(%error, "the bus cannot be connected; retrying");
                }
            }
            tokio::select! {
                () = self.publisher.closed() => {}
                () = tokio::time::sleep(jittered(pause)) => {}
            }
            pause = (pause * 2).min(MAX_BACKOFF);
        }
    }

    async fn live(&self, generation: Arc<Generation>) {
        self.publisher.send_replace(Some(generation.clone()));
        tokio::select! {
            () = self.publisher.closed() => {}
            () = generation.ended.cancelled() => {}
        }
        self.publisher.send_replace(None);
        generation.ended.cancel();
        generation.pending().clear();
        // an orderly close is optional, so it gets a short timeout
        let close = generation.connection.close(200, "bye".into());
        let _ = tokio::time::timeout(Duration::from_millis(500), close).await;
    }

    async fn build(&self) -> Result<Arc<Generation>, BuildError> {
        let limit = Duration::from_secs(self.config.connect_timeout_seconds);
        tokio::time::timeout(limit, self.connect()).await.map_err(|_| BuildError::TimedOut)?
    }

    async fn connect(&self) -> Result<Arc<Generation>, BuildError> {
        let properties =
            ConnectionProperties::default().with_connection_name(self.name.as_str().into());
        let (runtime, tls) = (lapin::runtime::default_runtime()?, tls::read(&self.config.tls)?);
        let connection =
            Connection::connect_with_config(&self.uri(), properties, tls, runtime).await?;
        // exactly one listener: several would compete for the events
        let events = connection.events_listener();
        let calls = connection.create_channel().await?;
        calls.confirm_select(ConfirmSelectOptions::default()).await?;
        let replies = calls
            .basic_consume(
                DIRECT_REPLY_TO.into(),
                "replies".into(),
                BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() },
                FieldTable::default(),
            )
            .await?;
        let publish_channel = connection.create_channel().await?;
        if self.config.declare_exchanges {
            self.topology.declare_exchanges(&publish_channel).await?;
        }
        let generation = Arc::new(Generation {
            connection,
            calls,
            publish_channel,
            pending: Mutex::default(),
            blocked: watch::Sender::new(false),
            consumers: tokio::sync::Mutex::default(),
            ended: CancellationToken::new(),
        });
        tokio::spawn(watch_events(generation.clone(), Box::pin(events)));
        tokio::spawn(take_replies(generation.clone(), replies));
        Ok(generation)
    }

    fn uri(&self) -> String {
        let url = self.config.url.expose();
        let separator = if url.contains('?') { '&' } else { '?' };
        let heartbeat = self.config.heartbeat_seconds;
        format!("{url}{separator}heartbeat={heartbeat}&frame_max={MAX_FRAME_BYTES}")
    }
}

#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("the broker takes too long")]
    TimedOut,
    #[error(transparent)]
    Amqp(#[from] lapin::Error),
    #[error("[bus.tls]: {0}")]
    Certificates(#[from] std::io::Error),
}

async fn watch_events(
    generation: Arc<Generation>,
    mut events: Pin<Box<dyn futures_util::Stream<Item = Event> + Send>>,
) {
    loop {
        let event = tokio::select! {
            () = generation.ended.cancelled() => return,
            event = events.next() => event,
        };
        match event {
            Some(Event::ConnectionBlocked(reason)) => {
                tracing::warn!(reason, "the broker blocks publishing");
                generation.blocked.send_replace(true);
            }
            Some(Event::ConnectionUnblocked) => {
                tracing::info!("the broker takes messages again");
                generation.blocked.send_replace(false);
            }
            Some(Event::Error(error)) => return generation.end(&error.to_string()),
            None => return generation.end("the connection is gone"),
            Some(_) => {}
        }
    }
}

async fn take_replies(generation: Arc<Generation>, mut replies: Consumer) {
    loop {
        let delivery = tokio::select! {
            () = generation.ended.cancelled() => return,
            delivery = replies.next() => delivery,
        };
        match delivery {
            Some(Ok(delivery)) => {
                if let Some(correlation_id) = delivery.properties.correlation_id() {
                    generation.answer(correlation_id.as_str(), CallReply::Reply(delivery.data));
                }
            }
            Some(Err(error)) => return generation.end(&error.to_string()),
            None => return generation.end("the reply consumer is gone"),
        }
    }
}

/// The backoff with jitter, 100 to 150 %, so that processes do not reconnect at the same time.
fn jittered(pause: Duration) -> Duration {
    let share = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 512.0;
    pause.mul_f64(1.0 + share)
}
