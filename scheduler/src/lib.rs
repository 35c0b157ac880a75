//! The gate and the choice.
//!
//! Every operation that changes anything comes through here, as one request: it is admitted or
//! refused ([`admission`]), what is new gets its place ([`placement`]), and what a backend has to do
//! is announced to it ([`dispatch`]). Schedulers keep nothing that another one could not read in the
//! database, so any number of them can run.

pub mod admission;
mod backend_reports;
mod dispatch;
mod heartbeat;
mod notify;
mod placement;
mod purge;
mod receive_operation;

use anyhow::Context as _;
use backend_reports::BackendReports;
use bus::serve::Source;
use bus::{Bus, Queue};
use configuration::Config;
use database::Database;
use process::health::Health;
use process::log_levels::LogLevels;
use process::{About, Life};
use receive_operation::Gate;
use std::sync::Arc;

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
pub async fn run(config: Config, life: Life) -> anyhow::Result<()> {
    let database = Database::new(&config.database, config.services.down_after())?;
    if config.database.migrate_on_start {
        database.migrate().await.context("migrating the database")?;
    }
    let bus = Bus::start(&config.bus, ABOUT.name, life.stopping());
    let reports = Arc::new(BackendReports::load(database.clone()).await?);
    let gate = Arc::new(Gate::new(&config, database.clone(), bus.clone(), reports.clone()));
    let told = reports.clone();
    let health = Health {
        database: database.clone(),
        bus: bus.clone(),
        stopping: life.stopping(),
        details: Some(Arc::new(move || told.describe())),
    };
    life.ready();
    let queue = Source::Queue(Queue::Scheduler, config.scheduler.concurrency);
    let (health, ..) = tokio::join!(
        health.serve(config.scheduler.health_listen),
        bus.serve(queue, gate),
        bus.serve(Source::FanOut, reports.clone()),
        LogLevels::serve("cinder-scheduler", &config, &database, &bus),
        reports.refresh_regularly(life.stopping()),
        heartbeat::beat(&config, &database, life.stopping()),
        notify::notify_regularly(&database, &bus, life.stopping()),
        purge::purge_regularly(&config, &database, life.stopping()),
    );
    health.context("scheduler.health_listen")
}
