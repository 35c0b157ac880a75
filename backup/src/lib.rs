//! The backup service: executes what the gate has admitted on backups.
//!
//! An operation is announced by a message ([`receive_operation`]) or found by the [`sweep`], claimed in the operation log
//! ([`claim`]), executed while its lease holds ([`attempt`], [`execute`]) and finished, all like a worker does it for its backend. Contents
//! are read and written through the drivers of the backends that the service reaches ([`reached`]), beside their workers. Any number of
//! services share the work, and one place where the backups are.

mod attempt;
mod claim;
mod execute;
mod execution;
mod heartbeat;
mod identity;
mod reached;
mod receive_operation;
mod store;
mod sweep;
mod volume_meta;

use anyhow::Context as _;
use attempt::Attempts;
use bus::serve::ConsumerSource;
use bus::{Bus, Queue};
use claim::Claims;
use configuration::Config;
use database::{Database, operation_log};
use heartbeat::Heartbeat;
use identity::Identity;
use process::health::Health;
use process::log_levels::LogLevels;
use process::{About, ProcessLifecycle};
use reached::Reached;
use receive_operation::Receiver;
use std::sync::Arc;
use std::time::Duration;
use steps::finish_operation::Finish;
use steps::lease::Leases;
use steps::machine_lock;
use steps::slots::Slots;
use sweep::Sweep;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// What the process is.
pub const ABOUT: About = About {
    name: "cinderblock-backup",
    purpose: "Executes admitted operations on backups of cinderblock's volumes",
    check: check_config,
};

/// The machine's lock of a backup service.
const LOCK: &str = "#cinder-backup";

fn check_config(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        !config.backup.enabled_backends.is_empty(),
        "backup.enabled_backends: name at least one backend"
    );
    store::open(config).map(drop)
}

/// Does the backup service's work until the process stops.
///
/// # Errors
/// When it cannot start: the database does not answer, its health address is taken, or the store cannot be used.
pub async fn run(config: Config, lifecycle: ProcessLifecycle) -> anyhow::Result<()> {
    let database = Database::new(&config.database, config.services.down_after())?;
    database.prepare(config.database.migrate_on_start).await.context("the database's schema")?;
    let listen = config.backup.health_listen;
    let health_listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("backup.health_listen: {listen}"))?;
    store::prepare(&config)?;
    let store = store::open(&config)?;
    let machine_lock = machine_lock::take(&config, LOCK)?;
    let bus = Bus::start(&config.bus, ABOUT.name, lifecycle.stopping());
    let health = Health {
        database: database.clone(),
        bus: bus.clone(),
        stopping: lifecycle.stopping(),
        details: None,
    };
    let identity = Identity::new(&config);
    let reached = Arc::new(Reached::new(&config));
    let zone = config.services.availability_zone.clone();
    let leases = Arc::new(Leases {
        database: database.clone(),
        backend_id: None,
        owner: identity.owner.clone(),
        machine: identity.machine.clone(),
        duration: config.backup.lease(),
    });
    if machine_lock.is_some() {
        leases.expire_those_of_the_dead().await;
    }
    let heartbeat = Heartbeat {
        database: database.clone(),
        service: identity.service,
        reached: reached.clone(),
        interval: config.services.heartbeat(),
    };
    heartbeat.confirm_alive().await?;
    let attempts = Attempts {
        database: database.clone(),
        store,
        reached: reached.clone(),
        zone: zone.clone(),
        leases: leases.clone(),
        finish: Finish {
            ends: operation_log::Ends::new(database.clone()),
            database: database.clone(),
            bus: bus.clone(),
            lease: config.backup.lease(),
        },
    };
    let claims = Arc::new(Claims {
        database: database.clone(),
        reached: reached.clone(),
        zone: zone.clone(),
        owner: identity.owner,
        lease: config.backup.lease(),
        attempts: Arc::new(attempts),
        executing: TaskTracker::new(),
    });
    let slots = Arc::new(Slots::new(config.backup.concurrency));
    let receiver = Arc::new(Receiver { slots: slots.clone(), claims: claims.clone() });
    let sweep = Sweep {
        database: database.clone(),
        reached,
        zone: zone.clone(),
        interval: config.backup.sweep(),
        slots,
        claims: claims.clone(),
    };
    let prefetch = u16::try_from(config.backup.concurrency).unwrap_or(u16::MAX);
    let stopping = lifecycle.stopping();
    lifecycle.ready();
    let (health, ..) = tokio::join!(
        health.serve(health_listener),
        bus.serve(ConsumerSource::Queue(Queue::Backup, prefetch), receiver),
        LogLevels::serve("cinder-backup", &config, &database, &bus),
        sweep.sweep_regularly(&stopping),
        heartbeat.beat(&stopping),
    );
    let drain = Duration::from_secs(config.services.shutdown_seconds);
    if !claims.drain(drain.saturating_sub(Duration::from_secs(1))).await {
        leases.expire_own().await;
    }
    health
}
