//! Messages to users. They are written with the end of the operation that failed.

use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{Message, MessageId};
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for Message {
    const VIEW: &'static str = "message_details";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The message with this id, unless it is removed or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: MessageId,
    project_scope: Option<&str>,
) -> Result<Option<Message>, DbError> {
    listing::find(database, id.0, project_scope).await
}
