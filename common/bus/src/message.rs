//! What travels on the bus: a typed, versioned envelope around one of a few messages.

use super::topology::Topic;
use model::error::Error;
use model::{
    BackendReport, Caller, LogLevelChange, Manageable, OperationId, RequestId, StoredObject,
};
use operation::Operation;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use uuid::Uuid;

/// The version of the envelope and of everything in it.
pub const VERSION: u16 = 1;

/// The request, caller and deadline of a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Context {
    /// The API request that it is part of.
    pub request_id: RequestId,
    /// Its W3C trace context: `00-<trace>-<span>-01`.
    pub traceparent: String,
    /// Who asks.
    pub caller: Caller,
    /// The deadline, in milliseconds since the Unix epoch; the receiver drops the message after it.
    pub deadline_unix_ms: u64,
    /// Whether the broker delivered the message before, to a receiver that did not acknowledge it: that one may still act
    /// on it. Known to the receiver alone.
    #[serde(skip)]
    pub redelivered: bool,
}

impl Context {
    /// The context of what a process says on its own account, for a request or for none.
    #[must_use]
    pub fn of_process(request: RequestId, parent: Option<&str>, lifetime: Duration) -> Self {
        Self {
            request_id: request,
            traceparent: next_traceparent(parent),
            caller: Caller::default(),
            deadline_unix_ms: unix_ms(SystemTime::now() + lifetime),
            redelivered: false,
        }
    }

    /// The same context, for a message that matters until `remaining` from now.
    #[must_use]
    pub fn for_the_next(&self, remaining: Duration) -> Self {
        Self { deadline_unix_ms: unix_ms(SystemTime::now() + remaining), ..self.clone() }
    }

    /// How much of its time is left; zero when it has run out.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_millis(self.deadline_unix_ms.saturating_sub(unix_ms(SystemTime::now())))
    }
}

/// Continues a W3C trace with a span of our own, or starts one where `parent` is none.
#[must_use]
pub fn next_traceparent(parent: Option<&str>) -> String {
    let trace = parent
        .and_then(trace_id)
        .map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    let span = &Uuid::new_v4().simple().to_string()[..16];
    format!("00-{trace}-{span}-01")
}

/// The trace id of a well-formed W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let (version, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    (version == "00" && is_hex(trace, 32) && is_hex(span, 16)).then_some(trace)
}

fn unix_ms(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// A message with its version and context.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope<T> {
    version: u16,
    /// To whom it belongs.
    pub context: Context,
    /// The message itself.
    pub body: T,
}

/// A message that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum Undecodable {
    /// It comes from another release.
    #[error("the message has version {0}, this release understands {VERSION}")]
    Version(u64),
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
}

impl<T> Envelope<T> {
    /// A message in an envelope of the current version.
    pub const fn new(context: Context, body: T) -> Self {
        Self { version: VERSION, context, body }
    }
}

impl<T: Serialize> Envelope<T> {
    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl<T: DeserializeOwned> Envelope<T> {
    /// The message in these bytes.
    ///
    /// # Errors
    /// When they are no message of this type and version.
    pub fn decode(bytes: &[u8]) -> Result<Self, Undecodable> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let Versioned { version } = serde_json::from_slice(bytes)?;
        if version != u64::from(VERSION) {
            return Err(Undecodable::Version(version));
        }
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// A request to a scheduler.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum SchedulerMessage {
    /// Admit this operation and see that it happens. Answered by a [`SubmitAnswer`].
    Submit {
        /// Its id, and the key by which a repetition is recognised.
        operation_id: OperationId,
        /// What is to be done.
        operation: Box<Operation>,
    },
}

/// The scheduler's answer to [`SchedulerMessage::Submit`]. Both are certain; where the scheduler itself
/// does not know, it answers with a failure instead.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmitAnswer {
    /// It was admitted and will happen.
    Admitted(Submitted),
    /// It was refused, and nothing has changed.
    Refused(Error),
}

/// An operation was admitted, by this delivery or an earlier one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Submitted {
    /// The resource after the admission, as its view shows it. An earlier delivery's admission does
    /// not repeat it.
    pub subject: Option<Value>,
    /// For operations on a backend: how many admitted operations have not ended.
    pub operations_in_flight: Option<u64>,
}

/// A message to a backend's worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum BackendMessage {
    /// Execute this admitted operation. If the message is lost, the sweep finds the operation.
    Execute {
        /// Which one.
        operation_id: OperationId,
    },
    /// Say what is stored. Answered by [`BackendAnswer::Stored`].
    ListStored {
        /// As what.
        what: Manageable,
    },
}

/// What a backend's worker answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackendAnswer {
    /// It knows.
    Noted,
    /// What is stored on the backend.
    Stored(Vec<StoredObject>),
}

/// A fan-out message: every process that subscribes to its topic receives it.
pub trait FanOut: Serialize {
    /// What it is about.
    fn topic(&self) -> Topic;
}

/// What a backend can take now. The same is in the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackendReported {
    /// The backend's name, `host@backend`.
    pub backend: String,
    /// Its report.
    pub report: BackendReport,
}

impl FanOut for BackendReported {
    fn topic(&self) -> Topic {
        Topic::BackendReports
    }
}

/// A failover of a backend has ended. The outcome is in the database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailoverCompleted {
    /// The backend's name.
    pub backend: String,
}

impl FanOut for FailoverCompleted {
    fn topic(&self) -> Topic {
        Topic::FailoversOf(self.backend.clone())
    }
}

impl FanOut for LogLevelChange {
    fn topic(&self) -> Topic {
        Topic::LogLevels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context {
            request_id: RequestId::random(),
            traceparent: next_traceparent(None),
            caller: Caller { user_id: "u".into(), project_id: "p".into(), ..Caller::default() },
            deadline_unix_ms: 0,
            redelivered: false,
        }
    }

    #[test]
    fn a_message_of_another_release_is_told_apart_from_a_malformed_one() {
        let mut bytes = serde_json::to_value(Envelope::new(context(), 7)).unwrap();
        bytes["version"] = 9.into();
        let decoded = Envelope::<String>::decode(bytes.to_string().as_bytes());
        assert!(matches!(decoded, Err(Undecodable::Version(9))), "{decoded:?}");
        assert!(matches!(Envelope::<u8>::decode(b"{"), Err(Undecodable::Malformed(_))));
    }

    #[test]
    fn a_trace_goes_on_and_a_malformed_one_is_replaced() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let next = next_traceparent(Some(parent));
        assert!(next.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{next}");
        assert_ne!(next, parent);
        assert!(trace_id(&next_traceparent(Some("00-zz-1-01"))).is_some());
    }

    #[test]
    fn an_expired_context_has_no_time_left() {
        assert_eq!(context().remaining(), Duration::ZERO);
        assert!(
            context().for_the_next(Duration::from_secs(5)).remaining() > Duration::from_secs(4)
        );
    }
}
