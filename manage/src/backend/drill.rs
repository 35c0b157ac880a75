//! `backend drill`: a failover is rehearsed on writable copies of the replicas, which are removed afterwards.

use crate::find_backend::find_backend;
use crate::session::Session;
use crate::submit_operation::submit;
use anyhow::{Context as _, bail, ensure};
use clap::Args;
use database::drills::{DrillReport, DrillResult, DrilledReplica};
use database::services;
use model::{Backend, BackendId, ConnectionInfo};
use operation::{BeginDrill, EndDrill};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

/// How often the progress is read.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// The exit code where a failover would lose something.
const NOT_IN_SYNC: u8 = 3;
/// The exit code where copies are still being made.
const NOT_DONE: u8 = 4;

#[derive(Debug, Args)]
pub struct Arguments {
    /// The backend, host@name, as shown by `backend list`
    name: String,
    /// The replication target on which the copies are made; the first one when it is not given
    #[arg(long)]
    to: Option<String>,
    /// A program that checks the copies: it gets the report, with how each copy is reached, as JSON on its standard input. The copies
    /// are removed when it has ended, and the command fails when it has failed
    #[arg(long, value_name = "PROGRAM")]
    exec: Option<PathBuf>,
    /// Do not wait until the copies are made, or removed; `backend drill --show` tells later how far that is
    #[arg(long, conflicts_with = "exec")]
    no_wait: bool,
    /// Begin none, but show the one that is there; the exit code is 4 while copies are still being made
    #[arg(long, conflicts_with_all = ["to", "exec", "no_wait", "end"])]
    show: bool,
    /// Remove the copies of the one that is there
    #[arg(long, conflicts_with_all = ["to", "exec"])]
    end: bool,
}

/// Rehearses a failover. The exit code is 3 when a replica was not in sync: a failover would lose something.
pub async fn run(session: &Session, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let backend = find_backend(session, &arguments.name).await?;
    if arguments.show {
        return show(session, &found(session, &backend).await?);
    }
    if arguments.end {
        let drill = found(session, &backend).await?.id.unwrap_or_default();
        return end(session, &backend, drill, arguments.no_wait).await.map(|()| ExitCode::SUCCESS);
    }
    let drill = begin(session, &backend, arguments.to.as_deref()).await?;
    if arguments.no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    let report = wait_for_copies(session, &backend.name, drill).await?;
    let code = show(session, &report)?;
    let Some(program) = &arguments.exec else {
        let end = format!("cinderblock-manage backend drill {} --end", backend.name);
        session.output.say(&format!("the copies stay until `{end}`"))?;
        return Ok(code);
    };
    let checked = check(session, program, &report).await;
    let ended = end(session, &backend, drill, false).await;
    // what was found out comes first
    checked.and(ended).map(|()| code)
}

async fn found(session: &Session, backend: &Backend) -> anyhow::Result<DrillReport> {
    let report = session.database.drill_report(backend.id).await?;
    ensure!(report.id.is_some(), "there is no drill of {}", backend.name);
    Ok(report)
}

async fn begin(session: &Session, backend: &Backend, to: Option<&str>) -> anyhow::Result<Uuid> {
    let first = || backend.report.as_ref()?.replication_targets.first().cloned();
    let target = to.map(str::to_owned).or_else(first);
    let target = target.context("the backend has no replication target")?;
    let (backend_id, drill_id) = (backend.id, Uuid::new_v4());
    let told = format!("the replicas of {} on {target} are being copied", backend.name);
    submit(session, BeginDrill { backend_id, drill_id, target }).await?;
    session.output.say(&told)?;
    if !has_worker(session, backend_id).await? {
        session.output.say("no worker of the backend is up: nothing happens before one is")?;
    }
    Ok(drill_id)
}

async fn has_worker(session: &Session, backend: BackendId) -> anyhow::Result<bool> {
    let known = services::list(&session.database).await?;
    Ok(known.iter().any(|one| one.backend_id == Some(backend) && one.is_up))
}

async fn wait_for_copies(
    session: &Session,
    name: &str,
    drill: Uuid,
) -> anyhow::Result<DrillReport> {
    let mut told = String::new();
    loop {
        let report = found(session, &find_backend(session, name).await?).await?;
        ensure!(report.id == Some(drill) && !report.ends, "the drill was ended meanwhile");
        // after the report: what is due while the backend serves from its primary is not what is due after a failover
        let backend = find_backend(session, name).await?;
        ensure!(
            backend.active.is_primary(),
            "the backend has failed over meanwhile; end the drill with --end"
        );
        if report.due == 0 {
            return Ok(report);
        }
        let done = report.replicas.len();
        let now = format!("{done} of {} replicas are done", done + report.due);
        if now != told {
            session.output.say(&now)?;
            told = now;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn show(session: &Session, report: &DrillReport) -> anyhow::Result<ExitCode> {
    let [copied, not_in_sync, failed] =
        [DrillResult::Copied, DrillResult::NotInSync, DrillResult::Failed]
            .map(|outcome| report.count(outcome));
    if session.output.json {
        session.output.facts(report, &[])?;
    } else {
        session.output.rows(&report.replicas, &["VOLUME", "NAME", "AS OF", "COPY"], cells)?;
        let total = report.replicas.len() + report.due;
        session.output.say(&format!(
            "{copied} of {total} replicas are copied; {not_in_sync} were not in sync, {failed} could not be copied\n\
             {:7.2} s  from the request until then\n{:7.2} s  of that to copy, which a failover does not do",
            report.seconds, report.copying_seconds
        ))?;
    }
    if failed > 0 {
        bail!("{failed} replicas could not be copied, although they were in sync");
    }
    Ok(match (report.due, not_in_sync) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(NOT_IN_SYNC),
        _ => ExitCode::from(NOT_DONE),
    })
}

fn cells(replica: &DrilledReplica) -> Vec<String> {
    let as_of = replica.as_of.and_then(|at| at.format(&Rfc3339).ok());
    let copy = match (replica.outcome, &replica.connection_info) {
        (DrillResult::Copied, Some(connection)) => reached_by(connection),
        (DrillResult::Copied | DrillResult::Failed, _) => {
            replica.reason.clone().unwrap_or_default()
        }
        (DrillResult::NotInSync, _) => {
            "not in sync: a failover would lose what came later".to_owned()
        }
    };
    vec![
        replica.id.to_string(),
        replica.name.clone().unwrap_or_default(),
        as_of.unwrap_or_else(|| "-".to_owned()),
        copy,
    ]
}

/// The URI of a copy, or what else its protocol needs.
fn reached_by(connection: &ConnectionInfo) -> String {
    match connection.data.get("uri").and_then(Value::as_str) {
        Some(uri) => uri.to_owned(),
        None => format!("{}: {}", connection.driver_volume_type, json!(connection.data)),
    }
}

/// Runs the program that checks the copies. When this command is interrupted, so is the program.
async fn check(session: &Session, program: &Path, report: &DrillReport) -> anyhow::Result<()> {
    let described = || program.display().to_string();
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(described)?;
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let status = tokio::select! {
        status = fed(&mut child, report) => status.with_context(described)?,
        _ = interrupted.recv() => bail!("interrupted"),
        _ = terminated.recv() => bail!("terminated"),
    };
    ensure!(status.success(), "{} has failed: {status}", described());
    session.output.say(&format!("{} has found the copies in order", described()))
}

/// The end of the program, which is told what there is to be checked.
async fn fed(child: &mut Child, report: &DrillReport) -> std::io::Result<std::process::ExitStatus> {
    if let Some(mut input) = child.stdin.take() {
        // it may not want to know
        let _ = input.write_all(format!("{}\n", json!(report)).as_bytes()).await;
    }
    child.wait().await
}

async fn end(
    session: &Session,
    backend: &Backend,
    drill: Uuid,
    no_wait: bool,
) -> anyhow::Result<()> {
    submit(session, EndDrill { backend_id: backend.id, drill_id: Some(drill) }).await?;
    if no_wait {
        return session
            .output
            .say(&format!("the copies of the drill of {} are being removed", backend.name));
    }
    while session.database.drill_report(backend.id).await?.id == Some(drill) {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    session.output.say(&format!("the drill of {} has ended", backend.name))
}
