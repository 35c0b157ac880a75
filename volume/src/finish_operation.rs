//! Finish: the operation's end, its resource and its quota, in one transaction.

use crate::execute::pause_before;
use crate::worker::Worker;
use common::db::DbError;
use common::db::operation_log::{self, ClaimedOperation, Outcome};
use std::time::Instant;
use tracing::{Instrument, info_span};

/// Finishes a claimed operation. Where the database does not answer, it is asked again until the lease
/// has run out: then the operation is another worker's.
pub(crate) async fn finish(worker: &Worker, claimed: &ClaimedOperation, outcome: &Outcome) {
    try_to_finish(worker, claimed, outcome).instrument(info_span!("finish")).await;
}

async fn try_to_finish(worker: &Worker, claimed: &ClaimedOperation, outcome: &Outcome) {
    let begun = Instant::now();
    for attempt in 0.. {
        match operation_log::finish(&worker.database, claimed, outcome).await {
            Ok(true) => return tracing::info!("finished"),
            Ok(false) => return tracing::info!("not finished: it is another worker's by now"),
            Err(DbError::Unavailable(cause)) if begun.elapsed() < worker.config.volume.lease() => {
                tracing::warn!(error = %cause, "not finished yet");
                tokio::time::sleep(pause_before(attempt)).await;
            }
            Err(error) => return tracing::error!(%error, "not finished; the sweep will try again"),
        }
    }
}
