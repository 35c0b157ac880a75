//! `quota …`

use crate::session::Session;
use clap::Subcommand;
use database::quotas;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show quota drift: usage that differs from the sum of the rows; exit code 2 if there is any
    Check,
    /// Correct quota usage from the rows, while no operation is in progress
    Sync,
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => {
            let drift = quotas::drift(&session.database).await?;
            let headings = ["PROJECT", "RESOURCE", "USED", "THERE IS"];
            session.output.rows(&drift, &headings, |row| {
                vec![
                    row.project_id.clone(),
                    row.resource.clone(),
                    row.used.to_string(),
                    row.counted.to_string(),
                ]
            })?;
            Ok(if drift.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        Command::Sync => {
            let count = quotas::sync(&session.database).await?;
            session.output.say(&format!("{count} quota usages corrected"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
