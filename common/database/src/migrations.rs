//! The schema, in numbered steps that are part of the program, and the functions of this version.

use super::tls::Transport;
use super::{DbError, statements};
use tokio_postgres::{Client, Config};

refinery::embed_migrations!("migrations");

/// Serialises processes that start together: refinery itself does not.
const LOCK: &str = "select pg_advisory_lock(43, 1)";

pub(super) async fn run(connection: &Config, transport: &Transport) -> Result<(), DbError> {
    let mut connection = connection.clone();
    // a migration, or the wait for another process that makes one, may take as long as it takes
    connection.options("-c statement_timeout=0 -c lock_timeout=0");
    let (mut client, driver) = transport.connect(&connection).await?;
    let outcome = migrate(&mut client).await;
    drop(client);
    match driver.await {
        Ok(closed) => closed?,
        Err(panicked) => return Err(DbError::Defect(panicked.into())),
    }
    outcome
}

async fn migrate(client: &mut Client) -> Result<(), DbError> {
    client.batch_execute(LOCK).await?;
    let report = migrations::runner()
        .run_async(client)
        .await
        .map_err(|error| DbError::Defect(error.into()))?;
    for step in report.applied_migrations() {
        tracing::info!(version = step.version(), name = step.name(), "schema migrated");
    }
    statements::install(client).await
}
