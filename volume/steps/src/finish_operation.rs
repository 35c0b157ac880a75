//! Finish: ends the operation with its resource and its quota in one transaction; or, where another backend goes on with
//! it, the hand-over.

use crate::backoff::pause_before;
use bus::{BackendMessage, Bus, Context};
use database::operation_log::{self, ClaimedOperation, OperationOutcome};
use database::{Database, DbError};
use model::Migration;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// After this time the backend that goes on with an operation has found it itself.
const MESSAGE_TTL: Duration = Duration::from_secs(60);

/// Finishes the operations of a worker.
pub struct Finish {
    /// The ends that it records together.
    pub ends: operation_log::Ends,
    /// Where they are recorded.
    pub database: Database,
    /// Where other backends are told that they go on.
    pub bus: Bus,
    /// How long the database is asked: after that the operation is another worker's.
    pub lease: Duration,
}

impl Finish {
    /// Finishes a claimed operation; `true` when it has ended with this. Where the database does not answer, it is asked again until the lease
    /// has run out: then the operation is another worker's.
    pub async fn finish(&self, claimed: &ClaimedOperation, outcome: &OperationOutcome) -> bool {
        self.try_to_finish(claimed, outcome).instrument(info_span!("finish")).await
    }

    async fn try_to_finish(&self, claimed: &ClaimedOperation, outcome: &OperationOutcome) -> bool {
        let finish = || self.ends.finish(claimed, outcome);
        let ended = self.until_known(finish).await;
        match ended {
            Some(true) => tracing::info!("finished"),
            Some(false) => tracing::info!("not finished: another worker has claimed it"),
            None => {}
        }
        ended == Some(true)
    }

    /// Hands a claimed operation over to the backend that goes on with it, and tells that backend's workers.
    pub async fn hand_over(&self, claimed: &ClaimedOperation, next: &Migration) {
        let hand_over = || operation_log::hand_over(&self.database, claimed, next);
        match self.until_known(hand_over).await {
            Some(Some(backend)) => {
                tracing::info!(backend.name = backend, "handed over");
                self.dispatch(&backend, claimed).await;
            }
            Some(None) => tracing::info!("not handed over: another worker has claimed it"),
            None => {}
        }
    }

    /// Tells the workers of a backend. Should the message be lost, the backend's sweep finds the operation.
    async fn dispatch(&self, backend: &str, claimed: &ClaimedOperation) {
        let trace = claimed.traceparent.as_deref();
        let context = Context::of_process(claimed.request_id.clone(), trace, MESSAGE_TTL);
        let message = BackendMessage::Execute { operation_id: claimed.id };
        self.bus.send_to_backend(backend, context, message).await;
    }

    /// Asks the database until it answers, or until the lease has run out and the sweep will try again.
    async fn until_known<T, F>(&self, ask: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, DbError>>,
    {
        let started = Instant::now();
        for attempt in 0.. {
            match ask().await {
                Ok(answer) => return Some(answer),
                Err(DbError::Unavailable(cause)) if started.elapsed() < self.lease => {
                    tracing::warn!(error = %cause, "not finished yet");
                    tokio::time::sleep(pause_before(attempt)).await;
                }
                Err(error) => {
                    tracing::error!(%error, "not finished; the sweep will try again");
                    return None;
                }
            }
        }
        None
    }
}
