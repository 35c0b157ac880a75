//! Publishes the notifications in the outbox to the notification exchange. At least once, in order as
//! long as one scheduler publishes. Any number of schedulers may.

use bus::Bus;
use database::{Database, DbError, outbox};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Publishes what is in the outbox until the process stops.
pub(crate) async fn notify_regularly(database: &Database, bus: &Bus, stopping: CancellationToken) {
    while !stopping.is_cancelled() {
        if let Err(error) = notify(database, bus).await {
            tracing::warn!(%error, "notifications were not published; trying again");
        }
        tokio::select! {
            () = stopping.cancelled() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

async fn notify(database: &Database, bus: &Bus) -> Result<(), DbError> {
    let mut published = Vec::new();
    for notification in outbox::take(database).await? {
        let body = json!(notification);
        if !bus.notify(&notification.event_type, &body).await {
            break;
        }
        published.push(notification.id);
    }
    if published.is_empty() {
        return Ok(());
    }
    outbox::published(database, &published).await
}
