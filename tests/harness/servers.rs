//! The servers that the tests of one run share.

use crate::authority::Authority;
use crate::postgres::Postgres;
use crate::rabbitmq::RabbitMq;
use anyhow::Context;
use database::DatabaseRole;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tokio_postgres::NoTls;

/// The variable by which `sandbox run` tells the tests of its servers.
pub const VARIABLE: &str = "CINDERBLOCK_TEST_SERVERS";

/// A database with the current schema, copied for each test.
const TEMPLATE: &str = "cinderblock_template";

/// The addresses of running servers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Servers {
    /// PostgreSQL, without the name of a database: `postgres://…:port`.
    pub postgres: String,
    /// RabbitMQ.
    pub amqp: String,
    /// RabbitMQ with TLS.
    pub amqps: String,
    /// Where the certificates are; see [`Authority`].
    pub certificates: PathBuf,
}

impl Servers {
    /// The servers of this run.
    ///
    /// # Errors
    /// When there are none: the tests are not run by `make test` or `sandbox run`.
    pub fn of_this_run() -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "this is no configuration of cinderblock")]
        let described = std::env::var(VARIABLE).context(
            "no servers for tests: use `make test`, or \
             `cargo run -p cinderblock-tests -- run -- cargo test …`",
        )?;
        Ok(serde_json::from_str(&described)?)
    }

    /// The URL of a database.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        format!("{}/{name}", self.postgres)
    }

    /// Makes the database that the databases of tests are copied from.
    ///
    /// # Errors
    /// When the server does not take the schema.
    pub async fn prepare_template(&self) -> anyhow::Result<()> {
        self.execute(&format!("create database {TEMPLATE}")).await?;
        let config: configuration::DatabaseConfig =
            serde_json::from_value(serde_json::json!({ "url": self.database(TEMPLATE) }))?;
        let database = database::Database::new(&config, std::time::Duration::from_secs(1))?;
        database.make_roles(&DatabaseRole::ALL.map(|role| (role, "test"))).await?;
        Ok(())
    }

    /// The same database for the role of a service: what a role may do in the template, it may do in the copies.
    #[must_use]
    pub fn as_role(url: &str, role: DatabaseRole) -> String {
        let of_owner = "://cinderblock@";
        url.replacen(of_owner, &format!("://{TEMPLATE}_{}@", role.as_str()), 1)
    }

    /// A new database with the current schema; returns its URL.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn new_database(&self) -> anyhow::Result<String> {
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        self.execute(&format!("create database {name} template {TEMPLATE}")).await?;
        Ok(self.database(&name))
    }

    async fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let (client, connection) =
            tokio_postgres::connect(&self.database("postgres"), NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await?;
        drop(client);
        connection.await??;
        Ok(())
    }
}

/// Servers that end with this value.
pub struct OwnServers {
    /// PostgreSQL.
    pub postgres: Postgres,
    /// RabbitMQ.
    pub rabbitmq: RabbitMq,
    certificates: PathBuf,
}

impl OwnServers {
    /// Starts both in `directory`.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start(directory: &Path, durable: bool) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let (postgres_files, rabbitmq_files) =
            (directory.join("postgres"), directory.join("rabbitmq"));
        let certificates = directory.join("certificates");
        let authority = Authority::establish(&certificates)?;
        let (postgres, rabbitmq) = tokio::try_join!(
            Postgres::start(&postgres_files, durable, &authority),
            RabbitMq::start(&rabbitmq_files, &authority),
        )?;
        Ok(Self { postgres, rabbitmq, certificates })
    }

    /// Their addresses.
    #[must_use]
    pub fn addresses(&self) -> Servers {
        let postgres = self.postgres.url("").trim_end_matches('/').to_owned();
        Servers {
            postgres,
            amqp: self.rabbitmq.url(),
            amqps: self.rabbitmq.url_with_tls(),
            certificates: self.certificates.clone(),
        }
    }

    /// Ends both.
    ///
    /// # Errors
    /// When one does not end.
    pub fn stop(self) -> anyhow::Result<()> {
        self.rabbitmq.stop()?;
        self.postgres.stop()
    }
}
