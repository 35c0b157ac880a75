//! The planner's statistics of tables that grow fast.

use super::{Database, DbError};

/// Gathers the statistics of one table that has doubled since they were gathered; returns its name, or `None` when there is
/// none.
///
/// # Errors
/// When the database does not answer.
pub async fn analyze_grown_table(database: &Database) -> Result<Option<String>, DbError> {
    database.row("select to_jsonb(analyze_grown_table())", &[]).await
}
