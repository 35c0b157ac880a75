//! `backend …`

mod drill;
mod failover;
mod verify;

use crate::ages::ago;
use crate::find_backend::find_backend;
use crate::session::Session;
use crate::submit_operation::submit;
use clap::Subcommand;
use database::protection::Protection;
use database::{backends, operation_log, services, volumes};
use model::{Backend, ReplicationProgress};
use operation::{
    DisableBackend, EnableBackend, EnableReplication, FreezeBackend, PromoteBackend, ThawBackend,
};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How often `--watch` looks.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

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
    Failover(failover::Arguments),
    /// Compare the replicas that are in sync with their volumes, while servers go on, and wait for the end
    Verify(verify::Arguments),
    /// Rehearse a failover: make writable copies of the replicas on a target, have them checked, and remove them; replication goes on
    Drill(drill::Arguments),
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
            let backend_id = find_backend(session, &name).await?.id;
            let (_, submitted) = submit(session, FreezeBackend { backend_id }).await?;
            let left = submitted.operations_in_flight.unwrap_or(0);
            session
                .output
                .say(&format!("{name} is frozen; {left} operations are still in progress"))?;
        }
        Command::Thaw { name } => {
            let backend_id = find_backend(session, &name).await?.id;
            submit(session, ThawBackend { backend_id }).await?;
            session.output.say(&format!("{name} is thawed"))?;
        }
        Command::Enable { name } => {
            let backend_id = find_backend(session, &name).await?.id;
            submit(session, EnableBackend { backend_id }).await?;
            session.output.say(&format!("{name} is enabled"))?;
        }
        Command::Disable { name, reason } => {
            let backend_id = find_backend(session, &name).await?.id;
            submit(session, DisableBackend { backend_id, reason }).await?;
            session.output.say(&format!("{name} is disabled"))?;
        }
        Command::Failover(arguments) => return failover::run(session, arguments).await,
        Command::Verify(arguments) => return verify::run(session, arguments).await,
        Command::Drill(arguments) => return drill::run(session, arguments).await,
        Command::Promote { name } => {
            let backend_id = find_backend(session, &name).await?.id;
            submit(session, PromoteBackend { backend_id }).await?;
            session.output.say(&format!("{name} is promoted: the former target is the primary"))?;
        }
        Command::EnableReplication { name } => {
            let backend_id = find_backend(session, &name).await?.id;
            submit(session, EnableReplication { backend_id }).await?;
            session.output.say(&format!("replication of {name} is enabled"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
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
        let backend = find_backend(session, name).await?;
        let mut view = view(&backend);
        let protection = session.database.protection(backend.id).await?;
        add_protection(&mut view, &protection);
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
                ("unprotected", view["unprotected"].to_string()),
                ("not replicated", view["not_replicated"].to_string()),
                ("last look", text("looked_at")),
                ("oldest replica", text("oldest_replica")),
            ],
        )?;
        if !watch {
            return Ok(());
        }
        session.output.say("")?;
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

async fn show_volumes(session: &Session, name: &str) -> anyhow::Result<()> {
    let backend = find_backend(session, name).await?;
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
                "replica_as_of": volume.replica_as_of.and_then(|at| at.format(&Rfc3339).ok()),
            })
        })
        .collect();
    let headings = ["VOLUME", "STATUS", "REPLICATION", "REPLICA", "REPLICA ON", "AS OF"];
    session.output.rows(&rows, &headings, |row| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        vec![
            text("id"),
            text("status"),
            text("replication_status"),
            text("replication_extended_status"),
            text("replication_driver_data"),
            text("replica_as_of"),
        ]
    })
}

/// What a failover would find: of how many volumes there is a replica, and how old the oldest one is.
fn add_protection(view: &mut Value, protection: &Protection) {
    let age = |at: Option<OffsetDateTime>| at.map(|at| ago(protection.asked_at - at));
    let oldest = match protection.not_in_sync.first() {
        Some(oldest) => {
            age(oldest.as_of).unwrap_or_else(|| "not known to have been in sync".to_owned())
        }
        None => "in sync at the last look".to_owned(),
    };
    view["unprotected"] = json!(protection.unprotected);
    view["not_replicated"] = json!(protection.not_replicated);
    view["looked_at"] = json!(age(protection.looked_at));
    view["oldest_replica"] = json!((protection.replicated > 0).then_some(oldest));
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
