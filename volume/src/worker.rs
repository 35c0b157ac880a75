//! One backend's worker: its steps, put together.

use crate::attempt::Attempts;
use crate::claim::Claims;
use crate::data_paths::DataPaths;
use crate::drill::Drills;
use crate::failover_end::FailoverEnd;
use crate::follow::Follow;
use crate::heartbeat::Heartbeat;
use crate::identity::{Identity, availability_zone};
use crate::image_service::ImageService;
use crate::position::FollowedEpoch;
use crate::receive_operation::Receiver;
use crate::replicate::Replicate;
use crate::report::Reports;
use crate::server_events::ServerEvents;
use crate::sweep::Sweep;
use anyhow::Context as _;
use bus::serve::ConsumerSource;
use bus::{Bus, Queue, Topic};
use configuration::{BackendConfig, Config};
use database::{BackendLooks, Database, DbError, backends, operation_log};
use driver::{Driver, LatestProgress};
use model::BackendId;
use openstack::nova::Nova;
use openstack::own_token::OwnAccount;
use std::fs::File;
use std::sync::Arc;
use std::time::Duration;
use steps::finish_operation::Finish;
use steps::lease::Leases;
use steps::slots::Slots;
use steps::{drivers, machine_lock};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A worker. Several may work for one backend; the operation log keeps them apart.
pub(crate) struct Worker {
    bus: Bus,
    identity: Arc<Identity>,
    /// How many messages are taken from the queue before their operations are claimed.
    prefetch: u16,
    /// How long operations in progress may take to end when the process stops.
    drain_timeout: Duration,
    /// The host lock: while it is held, no other process on this machine is a worker of the backend.
    machine_lock: Option<File>,
    receiver: Arc<Receiver>,
    claims: Arc<Claims>,
    leases: Arc<Leases>,
    failover_end: Arc<FailoverEnd>,
    follow: Arc<Follow>,
    sweep: Sweep,
    heartbeat: Arc<Heartbeat>,
    reports: Reports,
    replicate: Replicate,
    drills: Drills,
}

/// The other services of the cloud.
struct Cloud {
    image_service: Arc<ImageService>,
    server_events: ServerEvents,
}

/// What several steps share.
struct Shared {
    config: Config,
    database: Database,
    bus: Bus,
    looks: BackendLooks,
    identity: Arc<Identity>,
    driver: Arc<dyn Driver>,
    position: Arc<FollowedEpoch>,
    data_paths: Arc<DataPaths>,
    progress: Arc<LatestProgress>,
    leases: Arc<Leases>,
}

impl Worker {
    /// Makes the backend known and prepares its driver.
    pub async fn register(
        config: &Config,
        name: &str,
        database: Database,
        bus: Bus,
        looks: BackendLooks,
    ) -> anyhow::Result<Self> {
        let settings = config
            .backends
            .get(name)
            .with_context(|| format!("there is no section [backends.{name}]"))?;
        let id = register_backend(config, name, settings, &database).await?;
        let driver = drivers::driver(name, settings, id);
        let identity = Identity::new(config, name, settings, id);
        let machine_lock = machine_lock::take(config, name)?;
        let is_alone = machine_lock.is_some();
        let account = own_account(config)?;
        let worker_host = config.worker_host(name);
        let image_service = ImageService::new(config, account.clone(), &worker_host, is_alone)?;
        let server_events =
            ServerEvents { database: database.clone(), nova: Nova::new(&config.nova)?, account };
        let cloud = Cloud { image_service: Arc::new(image_service), server_events };
        let shared = Shared::new(config, database, bus, looks, identity, driver);
        Ok(Self::new(shared, cloud, machine_lock))
    }

    fn new(shared: Shared, cloud: Cloud, machine_lock: Option<File>) -> Self {
        let concurrency = shared.config.volume.concurrency;
        let slots = Arc::new(Slots::new(concurrency));
        let heartbeat = Arc::new(shared.heartbeat());
        let follow = Arc::new(shared.follow(heartbeat.clone()));
        let failover_end = Arc::new(shared.failover_end(follow.clone()));
        let claims = Arc::new(shared.claims(failover_end.clone(), cloud));
        let shutdown = Duration::from_secs(shared.config.services.shutdown_seconds);
        Self {
            prefetch: u16::try_from(concurrency).unwrap_or(u16::MAX),
            drain_timeout: shutdown.saturating_sub(Duration::from_secs(1)),
            receiver: Arc::new(shared.receiver(slots.clone(), claims.clone())),
            sweep: shared.sweep(slots, claims.clone()),
            reports: shared.reports(),
            replicate: shared.replicate(),
            drills: shared.drills(),
            bus: shared.bus,
            identity: shared.identity,
            leases: shared.leases,
            machine_lock,
            claims,
            failover_end,
            follow,
            heartbeat,
        }
    }

    /// Takes the place of an earlier process, before this one says that it is ready: operators and the gate know of the worker
    /// from now on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn announce(&self) -> Result<(), DbError> {
        if self.machine_lock.is_some() {
            self.leases.expire_those_of_the_dead().await;
        }
        self.heartbeat.confirm_alive().await
    }

    /// Works until the process stops, then finishes or hands over what has begun.
    pub async fn work(self, stopping: CancellationToken) {
        let Identity { backend_name, owner, .. } = &*self.identity;
        tracing::info!(backend.name = backend_name, owner, "working");
        let queue = ConsumerSource::Queue(Queue::Backend(backend_name.clone()), self.prefetch);
        let failovers = ConsumerSource::Topic(Topic::FailoversOf(backend_name.clone()));
        tokio::join!(
            self.bus.serve(queue, self.receiver.clone()),
            self.receiver.claim_waiting(&stopping),
            self.bus.serve(failovers, self.failover_end.clone()),
            self.follow.follow_regularly(&stopping),
            self.sweep.sweep_regularly(&stopping),
            self.heartbeat.beat(&stopping),
            self.reports.report_regularly(&stopping),
            self.replicate.replicate_regularly(&stopping),
            self.drills.drill_regularly(&stopping),
        );
        if !self.claims.drain(self.drain_timeout).await {
            self.leases.expire_own().await;
        }
    }
}

/// The account with which other services of the cloud are asked, where there is one to be asked.
fn own_account(config: &Config) -> anyhow::Result<Option<Arc<OwnAccount>>> {
    let is_used = config.glance.is_set() || config.nova.is_set();
    let account = if is_used { OwnAccount::new(&config.keystone)? } else { None };
    Ok(account.map(Arc::new))
}

async fn register_backend(
    config: &Config,
    name: &str,
    settings: &BackendConfig,
    database: &Database,
) -> anyhow::Result<BackendId> {
    let zone = availability_zone(config, settings);
    let enabled = config.volume.enable_new_backends;
    let has_targets = !settings.replication_device.is_empty();
    let clustered = settings.cluster.is_some();
    let backend_name = config.backend_host(name);
    let registered =
        backends::register(database, &backend_name, &zone, enabled, has_targets, clustered).await?;
    Ok(registered)
}

impl Shared {
    fn new(
        config: &Config,
        database: Database,
        bus: Bus,
        looks: BackendLooks,
        identity: Identity,
        driver: Arc<dyn Driver>,
    ) -> Self {
        let backend = identity.backend_id;
        let identity = Arc::new(identity);
        let position = Arc::new(FollowedEpoch::new(looks.clone(), backend));
        let data_paths =
            DataPaths::new(database.clone(), backend, driver.clone(), position.clone());
        let leases = Leases {
            database: database.clone(),
            backend_id: Some(backend),
            owner: identity.owner.clone(),
            machine: identity.machine.clone(),
            duration: config.volume.lease(),
        };
        Self {
            config: config.clone(),
            data_paths: Arc::new(data_paths),
            progress: Arc::default(),
            leases: Arc::new(leases),
            database,
            bus,
            looks,
            identity,
            driver,
            position,
        }
    }

    fn heartbeat(&self) -> Heartbeat {
        Heartbeat {
            database: self.database.clone(),
            identity: self.identity.clone(),
            position: self.position.clone(),
            interval: self.config.services.heartbeat(),
        }
    }

    fn follow(&self, heartbeat: Arc<Heartbeat>) -> Follow {
        Follow {
            database: self.database.clone(),
            identity: self.identity.clone(),
            driver: self.driver.clone(),
            position: self.position.clone(),
            data_paths: self.data_paths.clone(),
            progress: self.progress.clone(),
            interval: self.config.volume.sweep(),
            saw_failover: Mutex::default(),
            heartbeat,
        }
    }

    fn failover_end(&self, follow: Arc<Follow>) -> FailoverEnd {
        let backend_name = self.identity.backend_name.clone();
        FailoverEnd { bus: self.bus.clone(), backend_name, follow }
    }

    fn claims(&self, failover_end: Arc<FailoverEnd>, cloud: Cloud) -> Claims {
        let Identity { backend_id, owner, .. } = &*self.identity;
        let lease = self.config.volume.lease();
        let log =
            operation_log::Claims::new(self.database.clone(), *backend_id, owner.clone(), lease);
        Claims {
            log,
            position: self.position.clone(),
            attempts: Arc::new(self.attempts(failover_end, cloud)),
            executing: TaskTracker::new(),
        }
    }

    fn attempts(&self, failover_end: Arc<FailoverEnd>, cloud: Cloud) -> Attempts {
        Attempts {
            database: self.database.clone(),
            identity: self.identity.clone(),
            driver: self.driver.clone(),
            image_service: cloud.image_service,
            server_events: cloud.server_events,
            progress: self.progress.clone(),
            leases: self.leases.clone(),
            finish: Finish {
                ends: operation_log::Ends::new(self.database.clone()),
                database: self.database.clone(),
                bus: self.bus.clone(),
                lease: self.config.volume.lease(),
            },
            failover_end,
        }
    }

    fn receiver(&self, slots: Arc<Slots>, claims: Arc<Claims>) -> Receiver {
        Receiver::new(slots, claims, self.driver.clone())
    }

    fn sweep(&self, slots: Arc<Slots>, claims: Arc<Claims>) -> Sweep {
        Sweep {
            looks: self.looks.clone(),
            backend_id: self.identity.backend_id,
            interval: self.config.volume.sweep(),
            slots,
            claims,
        }
    }

    fn reports(&self) -> Reports {
        Reports {
            database: self.database.clone(),
            bus: self.bus.clone(),
            identity: self.identity.clone(),
            driver: self.driver.clone(),
            position: self.position.clone(),
            data_paths: self.data_paths.clone(),
            progress: self.progress.clone(),
            interval: self.config.services.heartbeat(),
        }
    }

    fn drills(&self) -> Drills {
        Drills {
            database: self.database.clone(),
            identity: self.identity.clone(),
            driver: self.driver.clone(),
            position: self.position.clone(),
            interval: self.config.volume.sweep(),
        }
    }

    fn replicate(&self) -> Replicate {
        Replicate {
            database: self.database.clone(),
            identity: self.identity.clone(),
            driver: self.driver.clone(),
            position: self.position.clone(),
            progress: self.progress.clone(),
            interval: self.config.volume.sweep(),
        }
    }
}
