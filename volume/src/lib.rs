//! The worker: executes what the gate has admitted for one backend, through the backend's driver.
//!
//! An operation reaches a driver in one way only: dispatched by a message ([`receive_operation`]) or found by the
//! [`sweep`], it is claimed in the operation log ([`claim`]), executed as long as its [`steps::lease`] holds ([`attempt`],
//! [`execute`]) and finished ([`steps::finish_operation`]). When a worker dies, the next one that claims its operations decides
//! what becomes of them ([`steps::recover`]).
//!
//! Beside that, each worker keeps its driver on the active side ([`follow`], [`failover_end`]), the data paths open
//! ([`data_paths`]) and the volumes replicated ([`replicate`]), and tells of itself ([`heartbeat`]) and of its backend
//! ([`report`]). [`worker`] puts the steps together.

mod attempt;
mod claim;
mod data_paths;
mod drill;
mod execute;
mod execution;
mod failover_end;
mod follow;
mod heartbeat;
mod identity;
mod image_service;
mod position;
mod receive_operation;
mod replicate;
mod report;
mod server_events;
mod sweep;
mod worker;

use anyhow::Context as _;
use bus::Bus;
use configuration::Config;
use database::{BackendLooks, Database};
use process::health::Health;
use process::log_levels::LogLevels;
use process::{About, ProcessLifecycle};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use worker::Worker;

/// What the process is.
pub const ABOUT: About = About {
    name: "cinderblock-volume",
    purpose: "Executes admitted operations on cinderblock's storage backends",
    check: check_config,
};

fn check_config(config: &Config) -> anyhow::Result<()> {
    anyhow::ensure!(
        !config.volume.enabled_backends.is_empty(),
        "volume.enabled_backends: name at least one backend"
    );
    Ok(())
}

/// Does the workers' work until the process stops.
///
/// # Errors
/// When it cannot start: the database does not answer, or its health address is taken.
pub async fn run(config: Config, lifecycle: ProcessLifecycle) -> anyhow::Result<()> {
    let database = Database::new(&config.database, config.services.down_after())?;
    database.prepare(config.database.migrate_on_start).await.context("the database's schema")?;
    let listen = config.volume.health_listen;
    let health_listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("volume.health_listen: {listen}"))?;
    let bus = Bus::start(&config.bus, ABOUT.name, lifecycle.stopping());
    let health = Health {
        database: database.clone(),
        bus: bus.clone(),
        stopping: lifecycle.stopping(),
        details: None,
    };
    let looks = BackendLooks::new(database.clone());
    let mut registered = Vec::new();
    for name in &config.volume.enabled_backends {
        let (database, bus, looks) = (database.clone(), bus.clone(), looks.clone());
        registered.push(Worker::register(&config, name, database, bus, looks).await?);
    }
    let mut workers = JoinSet::new();
    for worker in registered {
        worker.announce().await?;
        workers.spawn(worker.work(lifecycle.stopping()));
    }
    lifecycle.ready();
    let (health, ()) = tokio::join!(
        health.serve(health_listener),
        LogLevels::serve("cinder-volume", &config, &database, &bus),
    );
    health?;
    workers.join_all().await;
    Ok(())
}
