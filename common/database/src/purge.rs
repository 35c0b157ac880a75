//! The end of what was removed: rows that stayed for paging and audit go for good.

use super::{Database, DbError};
use std::time::Duration;

/// The most rows of a table that one statement removes, so that it ends within its time.
const AT_ONCE: i32 = 1000;

/// One function of the database per table: children come before what they refer to.
const STATEMENTS: [&str; 7] = [
    "select to_jsonb(purge_attachments(make_interval(secs => $1), $2))",
    "select to_jsonb(purge_snapshots(make_interval(secs => $1), $2))",
    "select to_jsonb(purge_backups(make_interval(secs => $1), $2))",
    "select to_jsonb(purge_transfers(make_interval(secs => $1), $2))",
    "select to_jsonb(purge_volumes(make_interval(secs => $1), $2))",
    "select to_jsonb(purge_operations(make_interval(secs => $1), $2))",
    "select to_jsonb(purge_messages(make_interval(secs => $1), $2))",
];

/// Purges a part of what was removed, or has ended, longer ago than `kept_for`. Returns how many rows
/// went; when that is none, there is nothing left to purge.
///
/// # Errors
/// When a table cannot be purged and nothing went from the others.
pub async fn purge(database: &Database, kept_for: Duration) -> Result<u64, DbError> {
    let mut purged = 0;
    let mut failure = None;
    for statement in STATEMENTS {
        match database.row::<u64>(statement, &[&kept_for.as_secs_f64(), &AT_ONCE]).await {
            Ok(count) => purged += count.unwrap_or(0),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if purged == 0 => Err(error),
        Some(_) | None => Ok(purged),
    }
}
