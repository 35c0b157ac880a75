//! `operation …`

use crate::session::Session;
use anyhow::{Context as _, ensure};
use clap::Subcommand;
use database::operation_log::{self, OperationRecord};
use model::OperationId;
use std::process::ExitCode;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The newest operations
    List {
        /// Only operations in progress
        #[arg(long)]
        live: bool,
        /// The number of operations to show
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// One operation
    Show {
        /// The operation id
        id: Uuid,
    },
    /// Expire the lease of a running operation whose worker hangs: another worker executes it at once. An operation
    /// that has failed cannot be retried; submit it again
    Retry {
        /// The operation id
        id: Uuid,
    },
    /// Abort a stuck operation: it ends as failed, with its rows and quota, and a worker that still executes it loses
    /// its claim. For operations whose worker will never return
    Abort {
        /// The operation id
        id: Uuid,
        /// The reason, recorded in the operation log
        #[arg(long, default_value = "aborted by an operator")]
        reason: String,
    },
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    let database = &session.database;
    match command {
        Command::List { live, limit } => {
            let rows = operation_log::logged(database, None, live, limit).await?;
            let headings = ["OPERATION", "WHAT", "STATE", "BACKEND", "ABOUT", "ADMITTED"];
            session.output.rows(&rows, &headings, |row| {
                let backend = row.backend.clone().unwrap_or_else(|| "-".to_owned());
                vec![
                    row.id.to_string(),
                    row.kind.clone(),
                    row.state.to_string(),
                    backend,
                    row.subject_id.to_string(),
                    row.created_at.clone(),
                ]
            })?;
        }
        Command::Show { id } => {
            let found = operation_log::logged(database, Some(OperationId(id)), false, 1).await?;
            show(session, found.first().with_context(|| format!("there is no operation {id}"))?)?;
        }
        Command::Retry { id } => {
            let free = operation_log::retry(database, OperationId(id)).await?;
            ensure!(free, "operation {id} does not exist or is not running");
            session.output.say(&format!("operation {id} will be executed by the next worker"))?;
        }
        Command::Abort { id, reason } => {
            let ended = operation_log::abort(database, OperationId(id), &reason).await?;
            ensure!(ended, "operation {id} does not exist or has already ended");
            session.output.say(&format!("operation {id} is aborted"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(session: &Session, operation: &OperationRecord) -> anyhow::Result<()> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let result = operation.result.as_ref().map(ToString::to_string);
    session.output.facts(
        operation,
        &[
            ("operation", operation.id.to_string()),
            ("what", operation.kind.clone()),
            ("about", operation.subject_id.to_string()),
            ("state", operation.state.to_string()),
            ("backend", text(&operation.backend)),
            ("worker", text(&operation.owner)),
            ("claimed", format!("{} times", operation.attempts)),
            ("request", operation.request_id.clone()),
            ("admitted", operation.created_at.clone()),
            ("ended", text(&operation.finished_at)),
            ("error", text(&operation.error)),
            ("result", text(&result)),
        ],
    )
}
