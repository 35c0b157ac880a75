//! Analyze: keeps PostgreSQL's plans right while the tables of a new installation grow. Any number of schedulers may run it
//! at once.

use database::{Database, planner_statistics};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const ANALYZE_INTERVAL: Duration = Duration::from_secs(2);

/// Looks regularly for tables that have grown, until the process stops.
pub(crate) async fn analyze_regularly(database: &Database, stopping: CancellationToken) {
    while !stopping.is_cancelled() {
        match planner_statistics::analyze_grown_table(database).await {
            Ok(None) => {}
            Ok(Some(table)) => tracing::debug!(table, "analyzed"),
            Err(error) => tracing::debug!(%error, "no statistics were gathered"),
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(ANALYZE_INTERVAL) => {}
        }
    }
}
