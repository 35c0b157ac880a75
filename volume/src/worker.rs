//! One backend's worker: its driver, its name in the operation log, and everything it does.

use crate::driver::{self, Driver, DriverError};
use crate::{execute, heartbeat, recover, replicate, sweep};
use anyhow::Context as _;
use common::bus::serve::Source;
use common::bus::{Bus, Queue};
use common::config::Config;
use common::db::operation_log::{self, ClaimedOperation};
use common::db::services::{self, Announcement};
use common::db::{Database, DbError, backends};
use common::model::{BackendId, Binary, OperationId, ReplicationStatus};
use process::log_levels;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// The pause between two attempts to start a driver.
const START_AGAIN_AFTER: Duration = Duration::from_secs(2);

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
    /// The epoch whose side the driver works on; 0 before it has started, and, if it started during a
    /// failover, until that is over.
    epoch: AtomicI64,
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
            driver: driver::new(name, settings),
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
            epoch: AtomicI64::new(0),
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
        if !worker.start_driver(&stopping).await {
            return;
        }
        recover::restore_exports(&worker).await;
        if worker.alone.is_some() {
            recover::expire_leases_of_the_dead(&worker).await;
        }
        tracing::info!(backend.name = worker.backend_name, owner = worker.owner, "working");
        let prefetch = u16::try_from(worker.config.volume.concurrency).unwrap_or(u16::MAX);
        let queue = Source::Queue(Queue::Backend(worker.backend_name.clone()), prefetch);
        tokio::join!(
            worker.bus.serve(queue, worker.clone()),
            sweep::sweep_regularly(&worker, &stopping),
            heartbeat::beat(&worker, &stopping),
            replicate::replicate_regularly(&worker, &stopping),
        );
        worker.finish_or_hand_over().await;
    }

    async fn start_driver(&self, stopping: &CancellationToken) -> bool {
        loop {
            match self.try_to_start_driver().await {
                Ok(()) => return true,
                Err(error) => {
                    tracing::error!(backend.name = self.backend_name, %error, "the driver does not start; trying again");
                }
            }
            tokio::select! {
                () = stopping.cancelled() => return false,
                () = tokio::time::sleep(START_AGAIN_AFTER) => {}
            }
        }
    }

    async fn try_to_start_driver(&self) -> Result<(), DriverError> {
        let serving = backends::serving(&self.database, self.backend_id).await?;
        let active = serving.active_backend_id.as_deref();
        self.driver.start(active).await?;
        if serving.replication_status == ReplicationStatus::FailoverError {
            // the attempt ended the mirrors
            self.driver.failover_completed(active).await?;
        }
        if serving.replication_status != ReplicationStatus::FailingOver {
            self.epoch.store(serving.epoch, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Follows the backend to the side from which it serves, if it has changed. Until then nothing is
    /// claimed.
    pub async fn follow(&self) {
        if let Err(error) = self.try_to_follow().await {
            tracing::error!(backend.name = self.backend_name, %error, "does not follow the backend; trying again");
        }
    }

    async fn try_to_follow(&self) -> Result<(), DriverError> {
        fail::fail_point!("volume.follow", |_| Err(DriverError::failed("volume.follow")));
        let serving = backends::serving(&self.database, self.backend_id).await?;
        let moved = serving.epoch != self.epoch.load(Ordering::Relaxed);
        if moved && serving.replication_status != ReplicationStatus::FailingOver {
            let active = serving.active_backend_id.as_deref();
            self.driver.failover_completed(active).await?;
            self.epoch.store(serving.epoch, Ordering::Relaxed);
            self.confirm_alive().await?;
            recover::restore_exports(self).await;
            tracing::info!(
                backend.name = self.backend_name,
                side = active.unwrap_or("default"),
                "serving"
            );
        }
        Ok(())
    }

    /// Records that the process is alive, and the epoch on whose side it works.
    pub async fn confirm_alive(&self) -> Result<(), DbError> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        let log_levels = log_levels::current();
        services::heartbeat(&self.database, &self.service, &log_levels, Some(epoch)).await
    }

    /// Whether the side that the driver works on is the one from which the backend serves.
    pub async fn may_serve(&self) -> Result<bool, DbError> {
        let serving = backends::serving(&self.database, self.backend_id).await?;
        Ok(serving.epoch == self.epoch.load(Ordering::Relaxed))
    }

    /// Whether its volumes can be replicated.
    pub fn has_targets(&self) -> bool {
        let name = self.backend_name.split('@').next_back().unwrap_or_default();
        let settings = self.config.backends.get(name);
        settings.is_some_and(|settings| !settings.replication_device.is_empty())
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
        let epoch = self.epoch.load(Ordering::Relaxed);
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
