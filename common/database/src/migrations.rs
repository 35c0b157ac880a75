//! The schema, in numbered steps that are part of the program.

use super::DbError;
use tokio_postgres::{Client, Config, NoTls};

refinery::embed_migrations!("migrations");

/// Serialises processes that start together: refinery itself does not.
const LOCK: &str = "select pg_advisory_lock(43, 1)";

pub(super) async fn run(connection: &Config) -> Result<(), DbError> {
    let mut connection = connection.clone();
    // a migration, or the wait for another process that makes one, may take as long as it takes
    connection.options("-c statement_timeout=0 -c lock_timeout=0");
    let (mut client, driver) = connection.connect(NoTls).await?;
    let driver = tokio::spawn(driver);
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
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_precondition_of_an_operation_has_its_condition_and_no_condition_is_left_over() {
        let rows = include_str!("../migrations/V4__rows.sql");
        let function = rows.split("create function precondition_holds").nth(1).unwrap_or_default();
        let function = function.split("end $$;").next().unwrap_or_default();
        let cases = function.lines().filter_map(|line| line.trim().strip_prefix("when '"));
        let mut cases: Vec<_> = cases.filter_map(|case| Some(case.split_once('\'')?.0)).collect();
        cases.sort_unstable();
        let known = operation::preconditions();
        let names: Vec<_> = known.iter().map(|precondition| precondition.name).collect();
        assert_eq!(names, cases);
    }
}
