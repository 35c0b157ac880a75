//! The schema, in numbered steps that are part of the program, and the functions of this version.

use super::rights::DatabaseRole;
use super::tls::Transport;
use super::{DbError, rights, statements};
use tokio_postgres::{Client, Config};

refinery::embed_migrations!("migrations");

/// Serialises processes that start together: refinery itself does not.
const LOCK: &str = "select pg_advisory_lock(43, 1)";

/// Brings the schema up to date.
pub(super) async fn run(connection: &Config, transport: &Transport) -> Result<(), DbError> {
    as_owner(connection, transport, async |client| migrate(client).await).await
}

/// Makes the services' roles with these passwords, and the schema; returns the names of the roles.
pub(super) async fn make_roles(
    connection: &Config,
    transport: &Transport,
    passwords: &[(DatabaseRole, &str)],
) -> Result<Vec<String>, DbError> {
    as_owner(connection, transport, async |client| {
        client.batch_execute(LOCK).await?;
        let transaction = client.transaction().await?;
        let mut names = Vec::new();
        for (role, password) in passwords {
            names.push(rights::make_role(&transaction, *role, password).await?);
        }
        transaction.commit().await?;
        migrate(client).await?;
        Ok(names)
    })
    .await
}

/// Uses a connection of its own, without limits: a migration, or the wait for another process that makes one, may take as long
/// as it takes.
async fn as_owner<T>(
    connection: &Config,
    transport: &Transport,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let mut connection = connection.clone();
    connection.options("-c statement_timeout=0 -c lock_timeout=0");
    let (mut client, driver) = transport.connect(&connection).await?;
    let outcome = work(&mut client).await;
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
    let transaction = client.transaction().await?;
    statements::install(&transaction).await?;
    rights::grant(&transaction, statements::schema()).await?;
    Ok(transaction.commit().await?)
}
