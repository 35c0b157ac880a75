//! `sandbox`: private servers and cinderblock clusters for people and tests.

mod ceph_demo;
mod demo;
mod supervise;
mod timeline;

use anyhow::Context;
use clap::{Parser, Subcommand};
use harness::ceph::{CephPair, VARIABLE as CEPH};
use harness::interruption::interrupted;
use harness::servers::{OwnServers, VARIABLE};
use harness::{Cluster, ClusterBuilder, files};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;
use timeline::show;

/// How long a command may take to end when it is told to.
const TO_END: Duration = Duration::from_secs(20);

/// Private servers and cinderblock clusters, everything below .run/
#[derive(Parser)]
#[command(name = "sandbox")]
struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write the generated documents
    Docs,
    /// Show the main job on a cluster of its own
    Demo {
        /// On two Ceph clusters
        #[arg(long)]
        ceph: bool,
    },
    /// Start a development cluster and leave it running
    Up,
    /// Stop the development cluster
    Down,
    /// Keep the development cluster running (what `up` starts in the background)
    #[command(hide = true)]
    Supervise,
    /// Run a command, such as `cargo test`, with private servers for its tests
    Run {
        /// Start a cluster with one fake backend, too; its configuration is in CINDERBLOCK_CONFIG
        #[arg(long)]
        cluster: bool,
        /// Start two Ceph clusters, too
        #[arg(long)]
        ceph: bool,
        /// The command and its arguments
        #[arg(trailing_var_arg = true, required = true)]
        command: Vec<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let carried_out = carry_out(CommandLine::parse().what).await;
    carried_out.unwrap_or_else(|error| {
        // without a trace of calls, so that the reason is the last thing that is read
        let _ = writeln!(std::io::stderr(), "error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn carry_out(what: What) -> anyhow::Result<ExitCode> {
    match what {
        What::Docs => write_documents().map(|()| ExitCode::SUCCESS),
        What::Demo { ceph: false } => show("demo", demo::tell).await.map(|()| ExitCode::SUCCESS),
        What::Demo { ceph: true } => {
            show("ceph-demo", ceph_demo::tell).await.map(|()| ExitCode::SUCCESS)
        }
        What::Up => supervise::up().await.map(|()| ExitCode::SUCCESS),
        What::Down => supervise::down().await.map(|()| ExitCode::SUCCESS),
        What::Supervise => supervise::supervise().await.map(|()| ExitCode::SUCCESS),
        What::Run { cluster, ceph, command } => run(cluster, ceph, &command).await,
    }
}

fn write_documents() -> anyhow::Result<()> {
    let docs = files::repository().join("docs");
    std::fs::write(docs.join("operations.md"), harness::operations_document::render())?;
    std::fs::write(docs.join("operations.sql"), harness::operations_document::statements())?;
    std::fs::write(docs.join("policy.sample.yaml"), policy::sample())?;
    Ok(())
}

/// The lock on the directory of test runs: a second run would remove the servers of the first one.
fn lock_test_runs() -> anyhow::Result<File> {
    std::fs::create_dir_all(files::run_directory())?;
    let lock = File::create(files::run_directory().join("test.lock"))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)
        .context("another test run is in progress in this checkout")?;
    Ok(lock)
}

async fn run(with_cluster: bool, with_ceph: bool, command: &[String]) -> anyhow::Result<ExitCode> {
    let _lock = lock_test_runs()?;
    let directory = files::run_directory().join("test");
    if directory.exists() {
        harness::end_daemons_below(&directory);
        std::fs::remove_dir_all(&directory)?;
    }
    let servers = OwnServers::start(&directory.join("servers"), false).await?;
    let addresses = servers.addresses();
    addresses.prepare_template().await?;
    let cluster = match with_cluster {
        true => Some(ClusterBuilder::on(&addresses).await?.log_filter("warn").start().await?),
        false => None,
    };
    let ceph = match with_ceph {
        true => Some(CephPair::start(&directory.join("ceph")).await?),
        false => None,
    };
    let (program, arguments) = command.split_first().context("no command")?;
    let mut child = tokio::process::Command::from({
        let mut command = Command::new(program);
        command.args(arguments).env(VARIABLE, serde_json::to_string(&addresses)?).process_group(0);
        command.envs(cluster.as_ref().map(|cluster| ("CINDERBLOCK_CONFIG", cluster.config_file())));
        command.envs(ceph.as_ref().map(|pair| (CEPH, pair.directory())));
        command
    })
    .spawn()
    .with_context(|| program.clone())?;
    let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let status = tokio::select! {
        status = child.wait() => Some(status?),
        interrupted = interrupted() => {
            interrupted?;
            // a test runner has its tests in groups of their own, and only it can end them
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, Signal::TERM);
            }
            let _ = tokio::time::timeout(TO_END, child.wait()).await;
            None
        }
    };
    // what a test that crashed has left
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let panics = cluster.map_or_else(Vec::new, |cluster| panics(&cluster));
    drop(ceph);
    servers.stop()?;
    harness::end_daemons_below(&directory);
    anyhow::ensure!(panics.is_empty(), "in the cluster's logs:\n{}", panics.join("\n"));
    let passed = status.is_some_and(|status| status.success());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the processes of a cluster say of their own defects.
fn panics(cluster: &Cluster) -> Vec<String> {
    let lines = cluster.log_lines().into_iter();
    lines
        .filter(|(_, line)| line.contains("panicked"))
        .map(|(log, line)| format!("{log}: {line}"))
        .collect()
}
