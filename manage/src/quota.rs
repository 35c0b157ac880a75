//! `quota …`

use crate::Session;
use clap::Subcommand;
use database::quotas;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show usage that is not what the rows come to; ends with 2 when there is some
    Check,
    /// Record what there is, while no operation is under way
    Sync,
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => {
            let drift = quotas::drift(&session.database).await?;
            let headings = ["PROJECT", "RESOURCE", "IN USE", "RESERVED", "THERE IS"];
            session.output.rows(&drift, &headings, |row| {
                vec![
                    row.project_id.clone(),
                    row.resource.clone(),
                    row.in_use.to_string(),
                    row.reserved.to_string(),
                    row.counted.to_string(),
                ]
            })?;
            Ok(if drift.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        Command::Sync => {
            let count = quotas::sync(&session.database).await?;
            session.output.say(&format!("{count} usages corrected"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
