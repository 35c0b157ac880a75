//! The end of what was removed: rows that stayed for paging and audit go for good.

use super::{Database, DbError};
use std::time::Duration;

/// The most rows of a table that one statement removes, so that it ends within its time.
const AT_ONCE: i32 = 1000;

/// Purges a part of what was removed, or has ended, longer ago than `kept_for`. Returns how many rows
/// went; when that is none, there is nothing left to purge.
///
/// # Errors
/// When the database does not answer.
pub async fn purge(database: &Database, kept_for: Duration) -> Result<u64, DbError> {
    let purged: Option<u64> = database
        .row(
            "select to_jsonb(purge(make_interval(secs => $1), $2))",
            &[&kept_for.as_secs_f64(), &AT_ONCE],
        )
        .await?;
    Ok(purged.unwrap_or(0))
}
