//! `cinderblock-manage`: the operator's command line on a machine of the control plane; it needs no token.
//!
//! Operations on backends go through the gate, like every request of the API. The break-glass commands change the
//! database directly, on purpose and under the same locks: `operation retry`, `operation abort`, `quota sync`,
//! `service remove`, `volume update-host`, `db sync` and `bootstrap`. Tables for people, `--json` for programs.

mod ages;
mod backend;
mod bootstrap;
mod cluster;
mod find_backend;
mod operation;
mod policy;
mod private_files;
mod quota;
mod rbd;
mod schema;
mod service;
mod session;
mod submit_operation;
mod table;
mod volume;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use configuration::Config;
use database::Database;
use session::Session;
use std::path::PathBuf;
use std::process::ExitCode;
use table::Output;

#[derive(Debug, Parser)]
#[command(name = "cinderblock-manage", version, about = "Operate cinderblock at the machine")]
struct CommandLine {
    /// The configuration file, the same as the services'
    #[arg(long, value_name = "FILE", env = "CINDERBLOCK_CONFIG", global = true)]
    config: Option<PathBuf>,

    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    about: About,
}

#[derive(Debug, Subcommand)]
enum About {
    /// Storage backends: show, freeze, fail over, promote
    #[command(subcommand)]
    Backend(backend::Command),
    /// The service list, with heartbeats
    #[command(subcommand)]
    Service(service::Command),
    /// Backends that several workers share
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// Volumes of renamed hosts or backends
    #[command(subcommand)]
    Volume(volume::Command),
    /// The operation log: list, show, retry, abort
    #[command(subcommand)]
    Operation(operation::Command),
    /// Check and correct quota usage
    #[command(subcommand)]
    Quota(quota::Command),
    /// Who may do what: list, check, sample
    #[command(subcommand)]
    Policy(policy::Command),
    /// The Ceph clusters of backends with the driver rbd
    #[command(subcommand)]
    Rbd(rbd::Command),
    /// The database schema
    #[command(subcommand)]
    Db(schema::Command),
    /// Make a user with least rights for each service, in PostgreSQL and RabbitMQ, and write their secrets
    Bootstrap(bootstrap::Arguments),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    match run(command_line) {
        Ok(code) => code,
        Err(error) => {
            table::print_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command_line: CommandLine) -> anyhow::Result<ExitCode> {
    let config = Config::load(command_line.config.as_deref()).context("configuration")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let database = Database::new(&config.database, config.services.down_after())?;
        let session = Session { config, database, output: Output { json: command_line.json } };
        match command_line.about {
            About::Backend(command) => backend::run(&session, command).await,
            About::Service(command) => service::run(&session, command).await,
            About::Cluster(command) => cluster::run(&session, command).await,
            About::Volume(command) => volume::run(&session, command).await,
            About::Operation(command) => operation::run(&session, command).await,
            About::Quota(command) => quota::run(&session, command).await,
            About::Policy(command) => policy::run(&session, command),
            About::Rbd(command) => rbd::run(&session, command),
            About::Db(command) => schema::run(&session, command).await,
            About::Bootstrap(arguments) => bootstrap::run(&session, arguments).await,
        }
    })
}
