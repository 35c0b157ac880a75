//! Messages to users. They are written with the end of the operation that failed.

use super::listing::{self, ListError, ListQuery};
use super::{Database, DbError};
use crate::model::{Message, MessageId};

/// The message with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: MessageId,
    project_scope: Option<&str>,
) -> Result<Option<Message>, DbError> {
    database
        .row(
            "select to_jsonb(m) from message_details m where id = $1 and deleted_at is null \
             and project_id = coalesce($2, project_id)",
            &[&id.0, &project_scope],
        )
        .await
}

/// A page of messages.
///
/// # Errors
/// When the marker names no message, or the database does not answer.
pub async fn list(database: &Database, query: &ListQuery) -> Result<Vec<Message>, ListError> {
    listing::list(database, "message_details", query).await
}
