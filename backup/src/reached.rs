//! The backends to whose volumes a backup service has access, through drivers of its own.

use configuration::{BackendConfig, Config};
use database::operation_log::ServingBackend;
use database::{Database, DbError, backends};
use driver::Driver;
use model::{BackendId, Capability};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use steps::drivers;
use steps::step::StepError;

/// The backends to whose volumes a backup service has access.
pub(crate) struct Reached {
    sections: Vec<Section>,
    known: Mutex<HashMap<BackendId, Known>>,
}

/// A section of the configuration.
struct Section {
    name: String,
    /// `host@backend`
    backend_name: String,
    config: BackendConfig,
}

/// A backend that its worker has made known.
struct Known {
    /// Its section.
    section: usize,
    /// The driver that has joined it last, and in which epoch. An operation that has begun in an earlier one keeps the driver of that one: what
    /// it does still does not come to another side.
    joined: Option<(i64, Arc<dyn Driver>)>,
}

impl Reached {
    /// Those that the configuration names.
    pub fn new(config: &Config) -> Self {
        let section = |name: &String| {
            let settings = config.backends.get(name)?.clone();
            Some(Section {
                name: name.clone(),
                backend_name: config.backend_host(name),
                config: settings,
            })
        };
        let sections = config.backup.enabled_backends.iter().filter_map(section).collect();
        Self { sections, known: Mutex::default() }
    }

    /// The ids of those that are known by now.
    pub async fn look(&self, database: &Database) -> Result<Vec<BackendId>, DbError> {
        if self.known().len() < self.sections.len() {
            let backends = backends::list(database).await?;
            let mut known = self.known();
            for (section, named) in self.sections.iter().enumerate() {
                let found = backends.iter().find(|backend| backend.name == named.backend_name);
                if let Some(backend) = found {
                    known.entry(backend.id).or_insert(Known { section, joined: None });
                }
            }
        }
        Ok(self.ids())
    }

    /// The ids of those that are known.
    pub fn ids(&self) -> Vec<BackendId> {
        self.known().keys().copied().collect()
    }

    /// The driver that works on the side on which a backend serves.
    pub async fn driver(&self, serving: &ServingBackend) -> Result<Arc<dyn Driver>, StepError> {
        let driver = match self.joined(serving)? {
            Joined::Already(driver) => return Ok(driver),
            Joined::Fresh(driver) => driver,
        };
        let backup = driver.backup().ok_or_else(|| StepError::without(Capability::Backup))?;
        backup.join(&serving.active, serving.epoch).await?;
        if let Some(known) = self.known().get_mut(&serving.backend_id) {
            known.joined = Some((serving.epoch, driver.clone()));
        }
        Ok(driver)
    }

    fn joined(&self, serving: &ServingBackend) -> Result<Joined, StepError> {
        let known = self.known();
        let Some(backend) = known.get(&serving.backend_id) else {
            return Err(StepError::failed("this backup service does not reach the backend"));
        };
        if let Some((epoch, driver)) = &backend.joined
            && *epoch == serving.epoch
        {
            return Ok(Joined::Already(driver.clone()));
        }
        let Some(Section { name, config, .. }) = self.sections.get(backend.section) else {
            return Err(StepError::failed("the backend is not configured"));
        };
        Ok(Joined::Fresh(drivers::driver(name, config, serving.backend_id)))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<BackendId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A driver of a backend.
enum Joined {
    /// One that has joined it.
    Already(Arc<dyn Driver>),
    /// One that has not.
    Fresh(Arc<dyn Driver>),
}
