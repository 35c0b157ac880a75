//! Finish: the operation's end, its resource and its quota, in one transaction; or, where another backend
//! goes on with it, the hand-over.

use crate::execute::pause_before;
use crate::worker::Worker;
use bus::{BackendMessage, Context};
use database::DbError;
use database::operation_log::{self, ClaimedOperation, Outcome};
use model::Migration;
use std::time::{Duration, Instant};
use tracing::{Instrument, info_span};

/// Finishes a claimed operation. Where the database does not answer, it is asked again until the lease
/// has run out: then the operation is another worker's.
pub(crate) async fn finish(worker: &Worker, claimed: &ClaimedOperation, outcome: &Outcome) {
    try_to_finish(worker, claimed, outcome).instrument(info_span!("finish")).await;
}

async fn try_to_finish(worker: &Worker, claimed: &ClaimedOperation, outcome: &Outcome) {
    let finished =
        until_known(worker, || operation_log::finish(&worker.database, claimed, outcome)).await;
    match finished {
        Some(true) => tracing::info!("finished"),
        Some(false) => tracing::info!("not finished: it is another worker's by now"),
        None => {}
    }
}

/// Hands a claimed operation over to the backend that goes on with it, and tells that backend's workers.
pub(crate) async fn hand_over(worker: &Worker, claimed: &ClaimedOperation, next: &Migration) {
    let given =
        until_known(worker, || operation_log::hand_over(&worker.database, claimed, next)).await;
    match given {
        Some(Some(backend)) => {
            tracing::info!(backend.name = backend, "handed over");
            // a hint: should it be lost, the backend's sweep finds the operation
            let message = BackendMessage::Execute { operation_id: claimed.id };
            worker.bus.hint(&backend, context(claimed), message).await;
        }
        Some(None) => tracing::info!("not handed over: it is another worker's by now"),
        None => {}
    }
}

fn context(claimed: &ClaimedOperation) -> Context {
    const HINT_LIFETIME: Duration = Duration::from_secs(60);
    Context::of_process(claimed.request_id.clone(), claimed.traceparent.as_deref(), HINT_LIFETIME)
}

/// Asks the database until it answers, or until the lease has run out and the sweep will try again.
async fn until_known<T, F>(worker: &Worker, ask: impl Fn() -> F) -> Option<T>
where
    F: Future<Output = Result<T, DbError>>,
{
    let begun = Instant::now();
    for attempt in 0.. {
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(DbError::Unavailable(cause)) if begun.elapsed() < worker.config.volume.lease() => {
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
