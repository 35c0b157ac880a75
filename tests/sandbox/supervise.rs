//! `up`, `down` and the process between them.

use anyhow::Context;
use harness::cluster::PROJECT;
use harness::interruption::interrupted;
use harness::servers::OwnServers;
use harness::{Cluster, ClusterBuilder, files, until_some};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A forgotten cluster ends by itself after so long.
const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);
const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// What `up` tells people.
#[derive(Serialize, Deserialize)]
struct Running {
    endpoint: String,
    logs: Vec<PathBuf>,
}

fn directory() -> PathBuf {
    files::run_directory().join("dev")
}

fn pid_file() -> PathBuf {
    directory().join("supervisor.pid")
}

fn running_file() -> PathBuf {
    directory().join("running.json")
}

/// The supervisor's process, if it runs: a pid alone might be somebody else's by now.
fn supervisor() -> Option<Pid> {
    let pid = std::fs::read_to_string(pid_file()).ok()?.trim().parse().ok()?;
    let command_line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    command_line.split('\0').any(|argument| argument == "supervise").then(|| Pid::from_raw(pid))?
}

/// Starts the cluster, unless it runs, and says how to use it.
pub async fn up() -> anyhow::Result<()> {
    std::fs::create_dir_all(directory())?;
    if supervisor().is_none() {
        let _ = std::fs::remove_file(running_file());
        let log = File::create(directory().join("supervisor.log"))?;
        let child = Command::new(std::env::current_exe()?)
            .arg("supervise")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()?;
        std::fs::write(pid_file(), child.id().to_string())?;
    }
    let running = until_some("the development cluster", START_TIMEOUT, || async {
        if supervisor().is_none() {
            return Some(None);
        }
        let text = std::fs::read_to_string(running_file()).ok()?;
        serde_json::from_str::<Running>(&text).ok().map(Some)
    })
    .await?;
    let log = || std::fs::read_to_string(directory().join("supervisor.log")).unwrap_or_default();
    let running = running.with_context(|| format!("the cluster did not start:\n{}", log()))?;
    tell(&running)
}

fn tell(running: &Running) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "cinderblock is up: {}/v3/{PROJECT}\n", running.endpoint)?;
    for log in &running.logs {
        writeln!(out, "  log: {}", log.display())?;
    }
    writeln!(out, "\npython-cinderclient (`make client` installs it in .run/client):\n")?;
    writeln!(
        out,
        "  export OS_AUTH_TYPE=noauth CINDER_ENDPOINT={}/v3 OS_ENDPOINT={}/v3 OS_PROJECT_ID={PROJECT} OS_USER_ID=admin\n  .run/client/bin/cinder service-list\n",
        running.endpoint, running.endpoint
    )?;
    writeln!(
        out,
        "curl:\n\n  curl -s -H 'X-Auth-Token: admin:{PROJECT}' {}/v3/volumes/detail\n",
        running.endpoint
    )?;
    writeln!(out, "`make down` stops it; left alone it ends by itself after 12 hours.")?;
    Ok(())
}

/// Stops the cluster, if it runs.
pub async fn down() -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    let Some(pid) = supervisor() else {
        writeln!(out, "nothing to stop")?;
        return Ok(());
    };
    rustix::process::kill_process(pid, Signal::TERM)?;
    until_some("the cluster ends", STOP_TIMEOUT, || async { supervisor().is_none().then_some(()) })
        .await?;
    writeln!(out, "stopped")?;
    Ok(())
}

/// Keeps the cluster running until it is told to stop.
pub async fn supervise() -> anyhow::Result<()> {
    let directory = directory();
    let started = tokio::select! {
        started = start(&directory) => started?,
        interrupted = interrupted() => return interrupted,
    };
    let (servers, cluster) = started;
    let logs = [&cluster.apis, &cluster.schedulers, &cluster.workers]
        .into_iter()
        .flatten()
        .map(|service| service.process.log().to_owned())
        .chain([servers.postgres.log().to_owned(), servers.rabbitmq.log().to_owned()])
        .collect();
    let running = Running { endpoint: cluster.endpoint(), logs };
    std::fs::write(running_file(), serde_json::to_string(&running)?)?;
    let ended = tokio::time::timeout(LONGEST_LIFE, interrupted()).await;
    let _ = std::fs::remove_file(running_file());
    cluster.stop()?;
    servers.stop()?;
    ended.unwrap_or(Ok(()))
}

async fn start(directory: &Path) -> anyhow::Result<(OwnServers, Cluster)> {
    let servers = OwnServers::start(&directory.join("servers"), true).await?;
    let (database, amqp) = (servers.postgres.url("postgres"), servers.rabbitmq.url());
    let cluster = directory.join("cluster");
    if cluster.exists() {
        std::fs::remove_dir_all(&cluster)?;
    }
    let cluster =
        ClusterBuilder::in_directory(&cluster, &database, &amqp).deployed().start().await?;
    Ok((servers, cluster))
}
