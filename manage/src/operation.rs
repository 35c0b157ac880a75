//! `operation …`

use crate::Session;
use anyhow::{Context as _, ensure};
use clap::Subcommand;
use database::operation_log::{self, Logged};
use model::OperationId;
use std::process::ExitCode;
use uuid::Uuid;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The newest operations
    List {
        /// Only those that have not ended
        #[arg(long)]
        live: bool,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// One operation
    Show {
        /// Its id
        id: Uuid,
    },
    /// Take a running operation from a worker that hangs: another one begins it anew at once. What has failed is
    /// to be asked for again
    Retry {
        /// Its id
        id: Uuid,
    },
    /// End an operation as failed: its rows and quota are as after a failure, and whoever works on it has lost
    /// it. For one that waits for a worker that will never come back
    Abort {
        /// Its id
        id: Uuid,
        /// Why, for the record
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
            ensure!(free, "operation {id} is not there, or nobody works on it");
            session.output.say(&format!("operation {id} waits for the next worker"))?;
        }
        Command::Abort { id, reason } => {
            let ended = operation_log::abort(database, OperationId(id), &reason).await?;
            ensure!(ended, "operation {id} is not there, or has ended");
            session.output.say(&format!("operation {id} has ended as failed"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(session: &Session, operation: &Logged) -> anyhow::Result<()> {
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
