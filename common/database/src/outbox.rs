//! Notifications on their way to the bus: written by the transactions that they are about.

use super::{Database, DbError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A notification.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Notification {
    /// Its number; later ones have larger numbers.
    pub id: i64,
    /// What happened: `service.failover.end`.
    pub event_type: String,
    /// To whom, and with what result.
    pub payload: Value,
    /// When.
    pub created_at: String,
}

/// Notifications to publish now; another process gets them when they are not [`published`] in time.
///
/// # Errors
/// When the database does not answer.
pub async fn take(database: &Database) -> Result<Vec<Notification>, DbError> {
    let mut taken: Vec<Notification> =
        database.rows("select to_jsonb(n) from claim_notifications(100) n", &[]).await?;
    taken.sort_by_key(|notification| notification.id);
    Ok(taken)
}

/// Forgets what the broker has.
///
/// # Errors
/// When the database does not answer: then it is published once more.
pub async fn published(database: &Database, ids: &[i64]) -> Result<(), DbError> {
    database.execute("delete from outbox where id = any ($1)", &[&ids]).await.map(drop)
}
