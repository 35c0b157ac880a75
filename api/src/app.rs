//! What every request works with.

use bus::Bus;
use configuration::{ApiConfig, Config, QuotaConfig};
use database::Database;
use std::sync::Arc;
use std::time::Duration;
use submit::Submitter;
use tokio_util::sync::CancellationToken;

/// The process's configuration and connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub config: Arc<ApiConfig>,
    /// The machine's name, as services are called by.
    pub host: Arc<str>,
    /// The limits of projects for which nothing was said.
    pub quota: Arc<QuotaConfig>,
    pub database: Database,
    pub bus: Bus,
    pub submitter: Submitter,
    pub stopping: CancellationToken,
}

impl App {
    pub fn new(config: &Config, database: Database, bus: Bus, stopping: CancellationToken) -> Self {
        let timeout = Duration::from_secs_f64(config.api.submit_timeout_seconds);
        let submitter = Submitter { bus: bus.clone(), database: database.clone(), timeout };
        Self {
            submitter,
            config: Arc::new(config.api.clone()),
            host: config.services.host.as_str().into(),
            quota: Arc::new(config.quota.clone()),
            database,
            bus,
            stopping,
        }
    }
}
