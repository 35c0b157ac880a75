//! `backend drill`: a failover is rehearsed on writable copies of the replicas, which are removed afterwards.

use crate::find_backend::find_backend;
use crate::session::Session;
use crate::submit_operation::submit;
use anyhow::{Context as _, ensure};
use clap::Args;
use database::drills::{DrillReport, DrilledReplica};
use model::{Backend, ConnectionInfo};
use operation::{BeginDrill, EndDrill};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

/// How often the progress is read.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

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
    /// Do not wait until the copies are made; `backend drill --show` tells later how far they are
    #[arg(long, conflicts_with = "exec")]
    no_wait: bool,
    /// Begin none, but show the one that is there
    #[arg(long, conflicts_with_all = ["to", "exec", "no_wait", "end"])]
    show: bool,
    /// Remove the copies of the one that is there
    #[arg(long, conflicts_with_all = ["to", "exec"])]
    end: bool,
}

/// Rehearses a failover. The exit code is 3 when a replica was left out: a failover would lose something.
pub async fn run(session: &Session, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let name = &arguments.name;
    let backend = find_backend(session, name).await?;
    if arguments.show {
        let report = session.database.drill_report(backend.id).await?;
        ensure!(report.id.is_some(), "there is no drill of {name}");
        return show(session, &report);
    }
    if arguments.end {
        return end(session, &backend, arguments.no_wait).await;
    }
    let drill_id = Uuid::new_v4();
    let first = || backend.report.as_ref()?.replication_targets.first().cloned();
    let target = arguments.to.clone().or_else(first);
    let target = target.context("the backend has no replication target")?;
    submit(session, BeginDrill { backend_id: backend.id, drill_id, target: target.clone() })
        .await?;
    session.output.say(&format!("the replicas of {name} on {target} are being copied"))?;
    if arguments.no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    let report = wait_for_copies(session, name, drill_id).await?;
    let code = show(session, &report)?;
    match &arguments.exec {
        None => {
            session.output.say(&format!(
                "the copies stay until `cinderblock-manage backend drill {name} --end`"
            ))?;
            Ok(code)
        }
        Some(program) => {
            let checked = check(session, program, &report).await;
            end(session, &backend, false).await?;
            checked.map(|()| code)
        }
    }
}

async fn wait_for_copies(
    session: &Session,
    name: &str,
    drill_id: Uuid,
) -> anyhow::Result<DrillReport> {
    let mut told = String::new();
    loop {
        // in this order: what is due while the backend serves from its primary is not what is due after a failover
        let report = session.database.drill_report(find_backend(session, name).await?.id).await?;
        let backend = find_backend(session, name).await?;
        ensure!(report.id == Some(drill_id) && !report.ends, "the drill was ended meanwhile");
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
    let (replicas, left_out) = (&report.replicas, report.left_out());
    if session.output.json {
        session.output.facts(report, &[])?;
    } else {
        session.output.rows(replicas, &["VOLUME", "NAME", "AS OF", "COPY"], cells)?;
        let (copied, total) = (replicas.len() - left_out, replicas.len() + report.due);
        session.output.say(&format!(
            "{copied} of {total} replicas are copied and open, {left_out} could not be copied\n\
             {:7.2} s  from the request until then\n{:7.2} s  of that to copy, which a failover does not do",
            report.seconds, report.copying_seconds
        ))?;
    }
    Ok(if left_out == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

fn cells(replica: &DrilledReplica) -> Vec<String> {
    let as_of = replica.as_of.and_then(|at| at.format(&Rfc3339).ok());
    let copy = replica.connection_info.as_ref().map(reached_by);
    vec![
        replica.id.to_string(),
        replica.name.clone().unwrap_or_default(),
        as_of.unwrap_or_else(|| "-".to_owned()),
        copy.or_else(|| replica.reason.clone()).unwrap_or_default(),
    ]
}

/// The URI of a copy, or what else its protocol needs.
fn reached_by(connection: &ConnectionInfo) -> String {
    match connection.data.get("uri").and_then(Value::as_str) {
        Some(uri) => uri.to_owned(),
        None => format!("{}: {}", connection.driver_volume_type, json!(connection.data)),
    }
}

/// Runs the program that checks the copies.
async fn check(session: &Session, program: &Path, report: &DrillReport) -> anyhow::Result<()> {
    let described = || program.display().to_string();
    let mut child = tokio::process::Command::new(program)
        .stdin(Stdio::piped())
        .spawn()
        .with_context(described)?;
    if let Some(mut input) = child.stdin.take() {
        // it may not want to know
        let _ = input.write_all(format!("{}\n", json!(report)).as_bytes()).await;
    }
    let status = child.wait().await.with_context(described)?;
    ensure!(status.success(), "{} has failed: {status}", described());
    session.output.say(&format!("{} has found the copies in order", described()))
}

async fn end(session: &Session, backend: &Backend, no_wait: bool) -> anyhow::Result<ExitCode> {
    submit(session, EndDrill { backend_id: backend.id }).await?;
    while !no_wait && session.database.drill_report(backend.id).await?.id.is_some() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    session.output.say(&format!("the drill of {} has ended", backend.name))?;
    Ok(ExitCode::SUCCESS)
}
