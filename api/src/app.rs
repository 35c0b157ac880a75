//! What every request works with.

use crate::identity::Identification;
use crate::image_service::ImageService;
use anyhow::Context as _;
use bus::Bus;
use configuration::{ApiConfig, Config, QuotaConfig};
use database::{Database, VolumeLookups};
use openstack::nova::Nova;
use policy::LivePolicy;
use std::sync::Arc;
use std::time::Duration;
use submit::Submitter;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the process is called.
pub(crate) const NAME: &str = "cinderblock-api";

/// The process's configuration and connections, shared by all requests.
pub(crate) type App = Arc<AppState>;

/// What an [`App`] is made of.
pub(crate) struct AppState {
    pub config: ApiConfig,
    /// The machine's name, as services are called by.
    pub host: String,
    /// The limits of projects for which nothing was said.
    pub quota: QuotaConfig,
    pub database: Database,
    pub volumes: VolumeLookups,
    pub policy: LivePolicy,
    pub identification: Identification,
    /// `None` where Nova is not asked.
    pub nova: Option<Nova>,
    pub images: ImageService,
    pub bus: Bus,
    pub submitter: Submitter,
    /// A permit for each request that may be answered at once.
    pub room: Semaphore,
    pub stopping: CancellationToken,
}

impl AppState {
    /// As the configuration says.
    ///
    /// # Errors
    /// When the database does not answer, or something in the configuration cannot be used.
    pub async fn shared(config: &Config, stopping: CancellationToken) -> anyhow::Result<App> {
        // what can fail comes before the bus: its connection must not be torn down while it is made
        let identification = Identification::new(config)?;
        let nova = Nova::new(&config.nova)?;
        let images = ImageService::new(&config.glance)?;
        let policy = LivePolicy::load((&config.policy).into()).context("policy")?;
        let database = Database::new(&config.database, config.services.down_after())?;
        database
            .prepare(config.database.migrate_on_start)
            .await
            .context("the database's schema")?;
        let bus = Bus::start(&config.bus, NAME, stopping.clone());
        let timeout = Duration::from_secs_f64(config.api.submit_timeout_seconds);
        let submitter = Submitter { bus: bus.clone(), database: database.clone(), timeout };
        Ok(Arc::new(Self {
            submitter,
            room: Semaphore::new(config.api.max_requests),
            config: config.api.clone(),
            host: config.services.host.clone(),
            quota: config.quota.clone(),
            volumes: VolumeLookups::new(database.clone()),
            policy,
            identification,
            nova,
            images,
            database,
            bus,
            stopping,
        }))
    }
}
