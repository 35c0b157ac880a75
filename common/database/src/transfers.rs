//! Transfers of volumes between projects.

use super::listing::{self, Listed};
use super::{Database, DbError};
use model::{Transfer, TransferId};
use tokio_postgres::Row;
use uuid::Uuid;

impl Listed for Transfer {
    const VIEW: &'static str = "transfers";

    fn read(row: &Row) -> Result<Self, DbError> {
        listing::from_json(row)
    }

    fn id(&self) -> Uuid {
        self.id.0
    }
}

/// The transfer with this id, unless it is over or belongs to another project than `project_scope`.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    database: &Database,
    id: TransferId,
    project_scope: Option<&str>,
) -> Result<Option<Transfer>, DbError> {
    listing::find(database, id.0, project_scope).await
}
