//! `[database]`: how PostgreSQL is reached.

use crate::secret::Secret;
use crate::tls::TlsConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`; several hosts may be listed. With `?sslmode=require` TLS is used.
    pub url: Secret,
    /// For `sslmode=require`.
    pub tls: TlsConfig,
    /// The most connections of one process for requests; two more are kept for heartbeats and operators.
    pub pool_size: usize,
    /// How long a connection, or a free place in the pool, is waited for.
    pub connect_timeout_seconds: u64,
    /// How long the server works on one statement.
    pub statement_timeout_ms: u64,
    /// How long a lock is waited for, by a statement or, where an admission tries again, by all of them together.
    pub lock_timeout_ms: u64,
    /// Whether a starting service brings the schema up to date.
    pub migrate_on_start: bool,
    /// How many days removed resources and the records of ended operations are kept.
    pub keep_removed_days: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "postgres://cinderblock@127.0.0.1/cinderblock".into(),
            tls: TlsConfig::default(),
            pool_size: 16,
            connect_timeout_seconds: 5,
            statement_timeout_ms: 5000,
            lock_timeout_ms: 2000,
            migrate_on_start: true,
            keep_removed_days: 30,
        }
    }
}

impl DatabaseConfig {
    /// How long a connection is waited for.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }

    /// How long removed resources and the records of ended operations are kept.
    #[must_use]
    pub const fn keep_removed(&self) -> Duration {
        Duration::from_hours(24 * self.keep_removed_days as u64)
    }
}
