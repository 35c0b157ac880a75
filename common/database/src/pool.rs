//! The connection pool and the few ways in which the rest of the crate asks.

use super::columns::column;
use super::error::is_standby;
use super::rights::DatabaseRole;
use super::tls::Transport;
use super::{DbError, migrations, statements};
use configuration::DatabaseConfig;
use deadpool_postgres::{ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use scopeguard::ScopeGuard;
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::{Json, ToSql};
use tokio_postgres::{Config, Row, Statement};

/// Parameters of a statement.
pub(crate) type Parameters<'a> = &'a [&'a (dyn ToSql + Sync)];

/// A pool of connections to cinderblock's database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    /// For what must not wait behind many requests: heartbeats, and the decisions of operators.
    reserved: Pool,
    connection: Config,
    transport: Transport,
    /// How long an answer is waited for; longer than PostgreSQL itself works on a statement.
    patience: Duration,
    /// How long a lock is waited for.
    lock_patience: Duration,
}

/// What is granted to the network and to a busy server beyond `statement_timeout_ms`, which a server that is
/// stopped, or whose disk hangs, does not keep.
const BEYOND_STATEMENT_TIMEOUT: Duration = Duration::from_secs(2);

/// How many connections are kept for what must not wait.
const RESERVED_CONNECTIONS: usize = 2;

/// How long an answer is waited for where PostgreSQL works as long as it takes.
const LONG_PATIENCE: Duration = Duration::from_secs(300);

impl Database {
    /// Prepares a pool; connections are made when they are needed.
    ///
    /// `down_after` is how long a silent worker counts as alive; every connection carries it as a
    /// setting, because the gate in the database compares with it.
    ///
    /// # Errors
    /// When the URL cannot be understood.
    pub fn new(config: &DatabaseConfig, down_after: Duration) -> Result<Self, DbError> {
        let mut connection: Config = config
            .url
            .expose()
            .parse()
            .map_err(|error: tokio_postgres::Error| DbError::Defect(error.into()))?;
        connection
            .options(session_settings(config, down_after))
            .application_name("cinderblock")
            .connect_timeout(config.connect_timeout())
            .keepalives_idle(Duration::from_secs(15))
            .tcp_user_timeout(Duration::from_secs(15));
        if connection.get_hosts().len() > 1 {
            connection.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let transport = Transport::new(config, &connection)?;
        let statement_timeout = Duration::from_millis(config.statement_timeout_ms);
        Ok(Self {
            pool: pool(config, &connection, &transport, config.pool_size)?,
            reserved: pool(config, &connection, &transport, RESERVED_CONNECTIONS)?,
            connection,
            transport,
            patience: statement_timeout + BEYOND_STATEMENT_TIMEOUT,
            lock_patience: Duration::from_millis(config.lock_timeout_ms),
        })
    }

    /// The same database through the connections that are kept for what must not wait behind many requests.
    pub(crate) fn reserved(&self) -> Self {
        Self { pool: self.reserved.clone(), ..self.clone() }
    }

    /// How long a lock is waited for.
    pub(crate) fn lock_patience(&self) -> Duration {
        self.lock_patience
    }

    /// Brings the schema up to date. Several processes may start at once; one does the work.
    ///
    /// # Errors
    /// When the database does not answer, or holds a schema that this version does not know.
    pub async fn migrate(&self) -> Result<(), DbError> {
        migrations::run(&self.connection, &self.transport).await
    }

    /// What a starting service does about the schema: it brings it up to date, or, where it may not, makes sure that the functions
    /// of this version are there.
    ///
    /// # Errors
    /// When the database does not answer, or has another schema.
    pub async fn prepare(&self, migrate_on_start: bool) -> Result<(), DbError> {
        if migrate_on_start {
            return self.migrate().await;
        }
        // of a schema that is not there, nobody can ask for a right
        let usable = "select to_jsonb(case when to_regnamespace($1) is not null \
                                      then has_schema_privilege($1, 'usage') end)";
        if self.row(usable, &[&statements::schema()]).await? != Some(true) {
            let missing = "the database is not prepared for this version and this user: \
                           run `cinderblock-manage db sync`";
            return Err(DbError::Defect(missing.into()));
        }
        Ok(())
    }

    /// Brings the schema up to date and makes the services' roles with these passwords, or gives them others; returns the names of
    /// the roles.
    ///
    /// # Errors
    /// When the database does not answer, or the user may not make roles.
    pub async fn make_roles(
        &self,
        passwords: &[(DatabaseRole, &str)],
    ) -> Result<Vec<String>, DbError> {
        migrations::make_roles(&self.connection, &self.transport, passwords).await
    }

    /// The newest step of the schema that the database has; 0 for none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn schema_version(&self) -> Result<i32, DbError> {
        let there = "select to_jsonb(to_regclass('refinery_schema_history') is not null)";
        if self.row(there, &[]).await? != Some(true) {
            return Ok(0);
        }
        let version = "select to_jsonb(coalesce(max(version), 0)) from refinery_schema_history";
        Ok(self.row(version, &[]).await?.unwrap_or(0))
    }

    /// Asks for nothing, to learn whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.execute("select 1", &[]).await.map(drop)
    }

    /// Runs a statement and returns the number of rows that it touched.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<u64, DbError> {
        self.ask(async |client| {
            let statement = prepare(client, sql).await?;
            client.execute(&statement, parameters).await
        })
        .await
    }

    /// The rows of a statement whose only column is JSON.
    pub(crate) async fn rows<T: DeserializeOwned>(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<T>, DbError> {
        let rows = self
            .ask(async |client| {
                let statement = prepare(client, sql).await?;
                client.query(&statement, parameters).await
            })
            .await?;
        rows.iter().map(|row| Ok(column::<Json<T>>(row, 0)?.0)).collect()
    }

    /// The row of such a statement, if there is one and it is not null.
    pub(crate) async fn row<T: DeserializeOwned>(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Option<T>, DbError> {
        let row = self
            .ask(async |client| {
                let statement = prepare(client, sql).await?;
                client.query_opt(&statement, parameters).await
            })
            .await?;
        value_of(row)
    }

    /// The rows of a statement.
    pub(crate) async fn typed_rows(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        self.ask(async |client| {
            let statement = prepare(client, sql).await?;
            client.query(&statement, parameters).await
        })
        .await
    }

    /// The same for the few statements that work on every volume of a backend, and must not fail because there are many. The
    /// transaction is sent as a whole: no lock is kept for a process that is suspended before it ends.
    pub(crate) async fn typed_rows_without_time_limit(
        &self,
        sql: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, DbError> {
        self.within(LONG_PATIENCE, async |client| {
            let statement = prepare(client, sql).await?;
            let (begun, rows, committed) = tokio::join!(
                biased;
                client.batch_execute("begin; set local statement_timeout = 0"),
                client.query(&statement, parameters),
                client.batch_execute("commit"),
            );
            begun?;
            let rows = rows?;
            committed?;
            Ok(rows)
        })
        .await
    }

    /// Uses a connection within the deadline that holds for every ordinary call.
    async fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DbError> {
        self.within(self.patience, ask).await
    }

    /// Uses a connection within a deadline. A connection that was not heard until the end, because the deadline came or whoever
    /// asked is gone, or that leads to a standby, is closed and not given to anybody else.
    async fn within<T>(
        &self,
        patience: Duration,
        ask: impl AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, DbError> {
        let client = scopeguard::guard(self.pool.get().await?, |unheard| {
            drop(Object::take(unheard));
        });
        let answer = tokio::time::timeout(patience, ask(&client))
            .await
            .map_err(|elapsed| DbError::Unavailable(elapsed.into()))?;
        if !answer.as_ref().is_err_and(is_standby) {
            drop(ScopeGuard::into_inner(client));
        }
        Ok(answer?)
    }
}

/// The JSON in the only column of a row, if there is a row and it is not null.
fn value_of<T: DeserializeOwned>(row: Option<Row>) -> Result<Option<T>, DbError> {
    let Some(row) = row else { return Ok(None) };
    let value: Option<Json<T>> = column(&row, 0)?;
    Ok(value.map(|Json(value)| value))
}

/// The most statements that a connection keeps prepared: clients of the API shape those of lists.
const MOST_STATEMENTS: usize = 200;

/// Prepares a statement once per connection, until there are too many.
async fn prepare(client: &Object, sql: &str) -> Result<Statement, tokio_postgres::Error> {
    if client.statement_cache.size() >= MOST_STATEMENTS {
        client.statement_cache.clear();
    }
    client.prepare_cached(sql).await
}

fn pool(
    config: &DatabaseConfig,
    connection: &Config,
    transport: &Transport,
    size: usize,
) -> Result<Pool, DbError> {
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(transport.manager(connection.clone(), recycling))
        .max_size(size)
        // the connection that was used last has its plans and is warm
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(config.connect_timeout()))
        .create_timeout(Some(config.connect_timeout()))
        .recycle_timeout(Some(config.connect_timeout()))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| DbError::Defect(error.into()))
}

fn session_settings(config: &DatabaseConfig, down_after: Duration) -> String {
    // Each statement is planned once: every table is read by an index, whatever the values and however many rows there are.
    format!(
        "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off -c search_path={} -c lock_timeout={}ms -c statement_timeout={}ms \
         -c idle_in_transaction_session_timeout={}ms -c cinderblock.down_after={}ms",
        statements::search_path(),
        config.lock_timeout_ms,
        config.statement_timeout_ms,
        config.statement_timeout_ms,
        down_after.as_millis()
    )
}
