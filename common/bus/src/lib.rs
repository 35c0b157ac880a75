//! RabbitMQ: calls, dispatch messages and fan-out.
//!
//! PostgreSQL holds all state. A message may be lost, duplicated, late or out of order without harm;
//! so messages are not persistent and nothing waits for the broker to store them.
//!
//! One supervisor per process owns the connection ([`supervisor`]). The first error on it or on
//! any channel, ends its *generation*: pending calls fail at once and a new one is built.

pub mod call;
pub mod message;
pub mod publish;
pub mod rights;
pub mod serve;
mod signature;
pub mod supervisor;
mod tls;
pub mod topology;

pub use call::CallError;
pub use message::{
    BackendAnswer, BackendMessage, BackendReported, Context, Envelope, FailoverCompleted, FanOut,
    SchedulerMessage, SubmitAnswer,
};
pub use supervisor::Bus;
pub use topology::{Queue, Topic, Topology};
