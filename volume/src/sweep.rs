//! The sweep: operations that no message announced, or whose owner is gone.

use crate::worker::Worker;
use database::operation_log;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a message is given before its operation counts as not announced.
const UNCLAIMED_FOR: Duration = Duration::from_secs(2);

/// Looks regularly until the process stops.
pub(crate) async fn sweep_regularly(worker: &Arc<Worker>, stopping: &CancellationToken) {
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(worker.config.volume.sweep()) => {}
        }
        sweep(worker, stopping).await;
    }
}

async fn sweep(worker: &Arc<Worker>, stopping: &CancellationToken) {
    let due = operation_log::due(&worker.database, worker.backend_id, UNCLAIMED_FOR).await;
    let due = match due {
        Ok(due) => due,
        Err(error) => return tracing::warn!(%error, "the sweep could not look"),
    };
    for operation in due {
        if stopping.is_cancelled() || worker.free_places() == 0 {
            return;
        }
        let Some(place) = worker.place().await else { return };
        if let Err(error) = worker.take(operation, place).await {
            return tracing::warn!(%error, "the sweep could not claim");
        }
    }
}
