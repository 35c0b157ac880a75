//! Purge: deletes rows whose retention has ended. Any number of schedulers may run it at once.

use configuration::Config;
use database::{Database, purge};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const PURGE_INTERVAL: Duration = Duration::from_secs(3600);

/// Purges when the process starts and every hour after that, until it stops.
pub(crate) async fn purge_regularly(
    config: &Config,
    database: &Database,
    stopping: CancellationToken,
) {
    while !stopping.is_cancelled() {
        let kept_for = config.database.keep_removed();
        match purge::purge(database, kept_for).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(count, "purged");
                continue;
            }
            Err(error) => tracing::warn!(%error, "the purge failed"),
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(PURGE_INTERVAL) => {}
        }
    }
}
