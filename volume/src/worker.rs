//! One backend's worker: its driver, its name in the operation log, and everything it does.

use crate::driver::{self, Driver, LatestProgress};
use crate::follow::{Follower, Position};
use crate::{execute, follow, heartbeat, recover, replicate, sweep};
use anyhow::Context as _;
use bus::serve::Source;
use bus::{Bus, Queue};
use configuration::Config;
use database::operation_log::{self, ClaimedOperation};
use database::services::{self, Announcement};
use database::{Database, DbError, backends};
use model::{BackendId, Binary, OperationId};
use process::log_levels;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// A worker. Several may work for one backend; the operation log keeps them apart.
pub(crate) struct Worker {
    pub config: Config,
    pub database: Database,
    pub bus: Bus,
    pub driver: Arc<dyn Driver>,
    pub backend_id: BackendId,
    /// `host@backend`
    pub backend_name: String,
    pub service: Announcement,
    /// What the operation log calls this worker: `<backend>/<machine>/<start of the process>`.
    pub owner: String,
    /// Held as long as the process lives: no other one on this machine works for the backend.
    alone: Option<File>,
    /// Whether its volumes can be replicated.
    pub has_targets: bool,
    /// How far replication, or a failover, has come.
    pub progress: LatestProgress,
    /// From where it serves.
    pub position: Position,
    /// Whether a data path may be closed that should be open.
    pub exports_missing: AtomicBool,
    places: Arc<Semaphore>,
    executing: TaskTracker,
}

impl Worker {
    /// Makes the backend known and prepares its driver.
    pub async fn register(
        config: &Config,
        name: &str,
        database: Database,
        bus: Bus,
    ) -> anyhow::Result<Self> {
        let settings = config
            .backends
            .get(name)
            .with_context(|| format!("there is no section [backends.{name}]"))?;
        let backend_name = config.backend_host(name);
        let zone = settings
            .availability_zone
            .clone()
            .unwrap_or_else(|| config.services.availability_zone.clone());
        let enabled = config.volume.enable_new_backends;
        let clustered = settings.cluster.is_some();
        let has_targets = !settings.replication_device.is_empty();
        let backend_id =
            backends::register(&database, &backend_name, &zone, enabled, has_targets, clustered)
                .await?;
        let boot_id = Uuid::new_v4();
        Ok(Self {
            driver: driver::new(name, settings, backend_id),
            backend_id,
            service: Announcement {
                binary: Binary::Volume,
                host: config.worker_host(name),
                backend_id: Some(backend_id),
                availability_zone: zone,
                boot_id,
            },
            owner: format!("{}{boot_id}", recover::owner_prefix(config, &backend_name)),
            alone: recover::lock_out_others(config, name)?,
            has_targets,
            progress: LatestProgress::default(),
            position: Position::default(),
            exports_missing: AtomicBool::default(),
            places: Arc::new(Semaphore::new(config.volume.concurrency)),
            executing: TaskTracker::new(),
            config: config.clone(),
            backend_name,
            database,
            bus,
        })
    }

    /// Works until the process stops, then finishes or hands over what has begun.
    pub async fn work(self, stopping: CancellationToken) {
        let worker = Arc::new(self);
        if worker.alone.is_some() {
            recover::expire_leases_of_the_dead(&worker).await;
        }
        tracing::info!(backend.name = worker.backend_name, owner = worker.owner, "working");
        let prefetch = u16::try_from(worker.config.volume.concurrency).unwrap_or(u16::MAX);
        let queue = Source::Queue(Queue::Backend(worker.backend_name.clone()), prefetch);
        tokio::join!(
            worker.bus.serve(queue, worker.clone()),
            worker.bus.serve(Source::FanOut, Arc::new(Follower(worker.clone()))),
            follow::follow_regularly(&worker, &stopping),
            sweep::sweep_regularly(&worker, &stopping),
            heartbeat::beat(&worker, &stopping),
            heartbeat::report_regularly(&worker, &stopping),
            replicate::replicate_regularly(&worker, &stopping),
        );
        worker.finish_or_hand_over().await;
    }

    /// Records that the process is alive, and the epoch on whose side it works.
    pub async fn confirm_alive(&self) -> Result<(), DbError> {
        let epoch = self.position.epoch();
        let log_levels = log_levels::current();
        services::heartbeat(&self.database, &self.service, &log_levels, Some(epoch)).await
    }

    /// A place among the operations that may run at once.
    pub async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().acquire_owned().await.ok()
    }

    /// How many operations more could run now.
    pub fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// Claims an operation and, if it is to be had, executes it in the background.
    pub async fn take(
        self: &Arc<Self>,
        id: OperationId,
        place: OwnedSemaphorePermit,
    ) -> Result<(), DbError> {
        if let Some(claimed) = self.claim(id).await? {
            let worker = self.clone();
            self.executing.spawn(async move {
                execute::execute(&worker, claimed).await;
                drop(place);
            });
        }
        Ok(())
    }

    async fn claim(&self, id: OperationId) -> Result<Option<ClaimedOperation>, DbError> {
        let lease = self.config.volume.lease();
        let epoch = self.position.epoch();
        operation_log::claim(&self.database, id, self.backend_id, epoch, &self.owner, lease).await
    }

    async fn finish_or_hand_over(&self) {
        let patience = Duration::from_secs(self.config.services.shutdown_seconds)
            .saturating_sub(Duration::from_secs(1));
        self.executing.close();
        if tokio::time::timeout(patience, self.executing.wait()).await.is_ok() {
            return;
        }
        match operation_log::expire_leases(&self.database, self.backend_id, &self.owner).await {
            Ok(count) => tracing::info!(count, "handed over unfinished operations"),
            Err(error) => tracing::warn!(%error, "unfinished operations wait for their leases"),
        }
    }
}
