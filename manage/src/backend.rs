//! `backend …`

use crate::session::Session;
use crate::submit_operation::submit;
use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use database::operation_log::{self, OperationResult};
use database::{BackendLooks, backends, services, volumes};
use model::{Backend, BackendId, OperationId, ReplicationProgress, Side};
use operation::{
    DisableBackend, EnableBackend, EnableReplication, FailoverBackend, FreezeBackend,
    PromoteBackend, ThawBackend,
};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// How often the state of a failover is read.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub enum Command {
    /// All backends
    List,
    /// One backend, with the state of its replicas
    Show {
        /// The backend, host@name, as shown by `backend list`
        name: String,
        /// Refresh the output until interrupted
        #[arg(long)]
        watch: bool,
    },
    /// The volumes of a backend, with the state of their replicas
    Volumes {
        /// The backend, host@name, as shown by `backend list`
        name: String,
    },
    /// Block every change on a backend; attached volumes keep their data path
    Freeze {
        /// The backend, host@name, as shown by `backend list`
        name: String,
    },
    /// End a freeze; a disabled backend stays disabled
    Thaw {
        /// The backend, host@name, as shown by `backend list`
        name: String,
    },
    /// Enable a backend; a frozen backend stays frozen
    Enable {
        /// The backend, host@name, as shown by `backend list`
        name: String,
    },
    /// Disable a backend
    Disable {
        /// The backend, host@name, as shown by `backend list`
        name: String,
        /// The reason, shown to admins
        #[arg(long)]
        reason: Option<String>,
    },
    /// Fail over to a replication target, or back to the primary, and wait for the end
    Failover {
        /// The backend, host@name, as shown by `backend list`
        name: String,
        /// The replication target; 'default' for the primary
        #[arg(long)]
        to: Option<String>,
        /// Accept data loss: also fail over volumes whose replicas may lack acknowledged writes; with the active
        /// target: the volumes that the last failover did not make available
        #[arg(long)]
        accept_data_loss: bool,
        /// Do not wait for the end of the failover
        #[arg(long)]
        no_wait: bool,
    },
    /// Promote the active replication target to primary, for good
    Promote {
        /// The backend, host@name, as shown by `backend list`
        name: String,
    },
    /// Enable replication of a backend whose configuration has got replication targets
    EnableReplication {
        /// The backend, host@name, as shown by `backend list`
        name: String,
    },
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => list(session).await?,
        Command::Show { name, watch } => show(session, &name, watch).await?,
        Command::Volumes { name } => show_volumes(session, &name).await?,
        Command::Freeze { name } => {
            let backend_id = find(session, &name).await?.id;
            let (_, submitted) = submit(session, FreezeBackend { backend_id }).await?;
            let left = submitted.operations_in_flight.unwrap_or(0);
            session
                .output
                .say(&format!("{name} is frozen; {left} operations are still in progress"))?;
        }
        Command::Thaw { name } => {
            let backend_id = find(session, &name).await?.id;
            submit(session, ThawBackend { backend_id }).await?;
            session.output.say(&format!("{name} is thawed"))?;
        }
        Command::Enable { name } => {
            let backend_id = find(session, &name).await?.id;
            submit(session, EnableBackend { backend_id }).await?;
            session.output.say(&format!("{name} is enabled"))?;
        }
        Command::Disable { name, reason } => {
            let backend_id = find(session, &name).await?.id;
            submit(session, DisableBackend { backend_id, reason }).await?;
            session.output.say(&format!("{name} is disabled"))?;
        }
        Command::Failover { name, to, accept_data_loss, no_wait } => {
            let backend = find(session, &name).await?;
            return fail_over(session, &backend, to, accept_data_loss, no_wait).await;
        }
        Command::Promote { name } => {
            let backend_id = find(session, &name).await?.id;
            submit(session, PromoteBackend { backend_id }).await?;
            session.output.say(&format!("{name} is promoted: the former target is the primary"))?;
        }
        Command::EnableReplication { name } => {
            let backend_id = find(session, &name).await?.id;
            submit(session, EnableReplication { backend_id }).await?;
            session.output.say(&format!("replication of {name} is enabled"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The backend with this name. Fails with the list of known backends if there is none.
pub async fn find(session: &Session, name: &str) -> anyhow::Result<Backend> {
    let known = backends::list(&session.database).await?;
    let names: Vec<String> = known.iter().map(|backend| backend.name.clone()).collect();
    let found = known.into_iter().find(|backend| backend.name == name);
    found.with_context(|| format!("there is no backend {name}; there are: {}", names.join(", ")))
}

async fn list(session: &Session) -> anyhow::Result<()> {
    let known = backends::list(&session.database).await?;
    let rows: Vec<Value> = known.iter().map(view).collect();
    let headings = ["BACKEND", "CONDITION", "REPLICATION", "ACTIVE SIDE", "IN SYNC"];
    session.output.rows(&rows, &headings, |row| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        vec![
            text("name"),
            text("condition"),
            text("replication_status"),
            text("active"),
            text("in_sync"),
        ]
    })
}

async fn show(session: &Session, name: &str, watch: bool) -> anyhow::Result<()> {
    loop {
        let backend = find(session, name).await?;
        let view = view(&backend);
        let up = services::list(&session.database).await?;
        let workers =
            up.iter().filter(|one| one.backend_id == Some(backend.id) && one.is_up).count();
        let text = |key: &str| view[key].as_str().unwrap_or("-").to_owned();
        let in_flight = operation_log::in_flight(&session.database, backend.id).await?;
        session.output.facts(
            &view,
            &[
                ("backend", text("name")),
                ("condition", text("condition")),
                ("disabled reason", text("disabled_reason")),
                ("workers", workers.to_string()),
                ("operations in progress", in_flight.to_string()),
                ("replication", text("replication_status")),
                ("serves from", text("active")),
                ("targets", text("targets")),
                ("sides down", text("down")),
                ("replicas in sync", text("in_sync")),
                ("out of sync", text("out_of_sync")),
                ("volumes out of sync", text("behind")),
            ],
        )?;
        if !watch {
            return Ok(());
        }
        session.output.say("")?;
        tokio::time::sleep(POLL_INTERVAL * 2).await;
    }
}

async fn show_volumes(session: &Session, name: &str) -> anyhow::Result<()> {
    let backend = find(session, name).await?;
    let rows: Vec<Value> = volumes::of_backend(&session.database, backend.id)
        .await?
        .iter()
        .map(|volume| {
            json!({
                "id": volume.id,
                "status": volume.status,
                "replication_status": volume.replication_status,
                "replication_extended_status": volume.replication_extended_status,
                "replication_driver_data": volume.replication_driver_data,
            })
        })
        .collect();
    let headings = ["VOLUME", "STATUS", "REPLICATION", "REPLICA", "REPLICA ON"];
    session.output.rows(&rows, &headings, |row| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        vec![
            text("id"),
            text("status"),
            text("replication_status"),
            text("replication_extended_status"),
            text("replication_driver_data"),
        ]
    })
}

fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn view(backend: &Backend) -> Value {
    let report = backend.report.as_ref();
    let nothing = ReplicationProgress::default();
    let progress = report.map_or(&nothing, |report| &report.replication);
    let conditions: Vec<&str> = backend.conditions.iter().map(|one| one.as_str()).collect();
    json!({
        "name": backend.name,
        "condition": if conditions.is_empty() { "up".to_owned() } else { conditions.join(", ") },
        "disabled_reason": backend.disabled_reason,
        "replication_status": backend.replication_status,
        "active": backend.active.to_string(),
        "targets": report.map_or_else(String::new, |report| report.replication_targets.join(", ")),
        "down": report.map_or_else(String::new, |report| joined(&report.sides_down)),
        "in_sync": format!("{} of {}", progress.in_sync, progress.total),
        "out_of_sync": format!("{} MiB", progress.out_of_sync_bytes >> 20),
        "behind": joined(&progress.names_out_of_sync()),
    })
}

async fn fail_over(
    session: &Session,
    backend: &Backend,
    to: Option<String>,
    accept_data_loss: bool,
    no_wait: bool,
) -> anyhow::Result<ExitCode> {
    let report = backend.report.as_ref().context("the backend has never reported")?;
    let target = match to {
        Some(name) => Side::named(&name),
        None => {
            let other = backend.next_target();
            other.context("the backend has no replication target to fail over to")?
        }
    };
    let out_of_sync = report.replication.names_out_of_sync();
    if backend.active.is_primary() && !out_of_sync.is_empty() && !accept_data_loss {
        bail!(
            "the replicas of these volumes were out of sync in the last report and may lack acknowledged writes:\n  {}\n\
             use --accept-data-loss to fail them over all the same",
            out_of_sync.join("\n  ")
        );
    }
    let operation =
        FailoverBackend { backend_id: backend.id, target: target.clone(), accept_data_loss };
    let (id, _) = submit(session, operation).await?;
    session.output.say(&format!("{} fails over to {target} (operation {id})", backend.name))?;
    if no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    wait(session, backend.id, id).await
}

async fn wait(session: &Session, backend: BackendId, id: OperationId) -> anyhow::Result<ExitCode> {
    loop {
        if let Some(OperationResult { error, result }) =
            operation_log::ended(&session.database, id).await?
        {
            ensure!(error.is_none(), "the failover failed: {}", error.unwrap_or_default());
            let result = result.unwrap_or_default();
            let count = |key: &str| result[key].as_u64().unwrap_or(0);
            let (failed_over, failed, not_replicated) =
                (count("failed_over"), count("failed"), count("not_replicated"));
            let serving = BackendLooks::new(session.database.clone()).serving(backend).await?;
            let side = serving.active.to_string();
            session.output.rows(
                &[json!({ "active_side": side, "failed_over": failed_over, "failed": failed, "not_replicated": not_replicated })],
                &["ACTIVE SIDE", "FAILED OVER", "FAILED", "NOT REPLICATED"],
                |_| vec![side.clone(), failed_over.to_string(), failed.to_string(), not_replicated.to_string()],
            )?;
            return Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) });
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
