//! What operations do to the database, as static SQL: written once from their contracts, planned once per connection.
//!
//! Each operation has a function that admits requests for it, and each that a worker executes one that ends it. They stand
//! in a schema of their own beside the functions of `functions/`, which are the same for all operations. The schema's name
//! is made from their text, and from who may call them: a process calls the functions that it was built with, whatever other versions the database has.

mod admit;
mod conditions;
mod finish;
mod quota;
mod rows;

use super::{DbError, rights};
pub use conditions::condition;
use operation::OperationKind;
use operation::contract::Runs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use tokio_postgres::Transaction;

/// The functions that are the same for all operations, in the order in which they need one another.
const SHARED: [&str; 8] = [
    include_str!("../functions/notifications.sql"),
    include_str!("../functions/admission.sql"),
    include_str!("../functions/quota.sql"),
    include_str!("../functions/execution.sql"),
    include_str!("../functions/drills.sql"),
    include_str!("../functions/backends.sql"),
    include_str!("../functions/purge.sql"),
    include_str!("../functions/statistics.sql"),
];

/// Every function that the program calls, and the schema that has them.
struct Functions {
    schema: String,
    text: String,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    let generated = OperationKind::ALL.iter().map(|kind| of(*kind));
    let text: String = SHARED
        .iter()
        .map(|file| (*file).to_owned())
        .chain(generated)
        .chain([finish::dispatch()])
        .collect();
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    rights::closed("").hash(&mut hasher);
    Functions { schema: format!("cinderblock_{:016x}", hasher.finish()), text }
});

/// The statements of an operation: its admission, and, where a worker executes it, its end.
#[must_use]
pub fn of(kind: OperationKind) -> String {
    match kind.runs() {
        Runs::InAdmission => admit::function(kind),
        Runs::OnBackend(_) | Runs::InBackupService(_) => {
            admit::function(kind) + &finish::function(kind)
        }
    }
}

/// Where connections look for functions and tables.
#[must_use]
pub fn search_path() -> String {
    format!("{},public", FUNCTIONS.schema)
}

/// The schema of this version's functions.
pub(crate) fn schema() -> &'static str {
    &FUNCTIONS.schema
}

/// Makes the functions of this version, unless they are there.
pub(crate) async fn install(client: &Transaction<'_>) -> Result<(), DbError> {
    let Functions { schema, text } = &*FUNCTIONS;
    let sql = "select to_regnamespace($1) is not null";
    if client.query_one(sql, &[schema]).await?.get(0) {
        return Ok(());
    }
    let head = format!("create schema {schema}; set local search_path = {schema}, public;");
    client.batch_execute(&head).await?;
    client.batch_execute(text).await?;
    client.batch_execute(&rights::closed(schema)).await?;
    tracing::info!(schema, "functions installed");
    Ok(())
}
