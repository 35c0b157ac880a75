//! What every request works with.

use common::bus::Bus;
use common::config::ApiConfig;
use common::db::Database;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The process's configuration and connections. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub config: Arc<ApiConfig>,
    pub database: Database,
    pub bus: Bus,
    pub stopping: CancellationToken,
}

impl App {
    pub fn new(
        config: ApiConfig,
        database: Database,
        bus: Bus,
        stopping: CancellationToken,
    ) -> Self {
        Self { config: Arc::new(config), database, bus, stopping }
    }
}
