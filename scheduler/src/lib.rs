//! Admission and placement.
//!
//! Every operation that changes state is one request to the scheduler: it is admitted or
//! refused ([`admission`]), new volumes are placed ([`placement`]), and operations that a backend executes
//! are dispatched to it ([`dispatch`]). A scheduler keeps no state that another one could not read from the
//! database, so any number of them can run.

pub mod admission;
mod analyze;
mod backend_reports;
mod dispatch;
mod heartbeat;
mod notify;
mod placement;
mod purge;
mod receive_operation;

use anyhow::Context as _;
use backend_reports::BackendReports;
use bus::serve::ConsumerSource;
use bus::{Bus, Queue, Topic};
use configuration::Config;
use database::Database;
use process::health::Health;
use process::log_levels::LogLevels;
use process::{About, ProcessLifecycle};
use receive_operation::AdmissionReceiver;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What the process is.
pub const ABOUT: About = About {
    name: "cinderblock-scheduler",
    purpose: "Admits or refuses every operation on cinderblock's backends and places new volumes",
    check: |_| Ok(()),
};

/// Does the scheduler's work until the process stops.
///
/// # Errors
/// When it cannot start: the database does not answer, or its health address is taken.
pub async fn run(config: Config, lifecycle: ProcessLifecycle) -> anyhow::Result<()> {
    let database = Database::new(&config.database, config.services.down_after())?;
    database.prepare(config.database.migrate_on_start).await.context("the database's schema")?;
    let listen = config.scheduler.health_listen;
    let health_listener = TcpListener::bind(listen)
        .await
        .with_context(|| format!("scheduler.health_listen: {listen}"))?;
    let reports = Arc::new(BackendReports::load(database.clone()).await?);
    // what can fail comes before the bus: its connection must not be torn down while it is made
    let bus = Bus::start(&config.bus, ABOUT.name, lifecycle.stopping());
    let gate =
        Arc::new(AdmissionReceiver::new(&config, database.clone(), bus.clone(), reports.clone()));
    let told = reports.clone();
    let health = Health {
        database: database.clone(),
        bus: bus.clone(),
        stopping: lifecycle.stopping(),
        details: Some(Arc::new(move || told.describe())),
    };
    lifecycle.ready();
    let queue = ConsumerSource::Queue(Queue::Scheduler, config.scheduler.concurrency);
    let (health, ..) = tokio::join!(
        health.serve(health_listener),
        bus.serve(queue, gate),
        bus.serve(ConsumerSource::Topic(Topic::BackendReports), reports.clone()),
        LogLevels::serve("cinder-scheduler", &config, &database, &bus),
        reports.refresh_regularly(lifecycle.stopping()),
        heartbeat::beat(&config, &database, lifecycle.stopping()),
        notify::notify_regularly(&database, &bus, lifecycle.stopping()),
        purge::purge_regularly(&config, &database, lifecycle.stopping()),
        analyze::analyze_regularly(&database, lifecycle.stopping()),
    );
    health
}
