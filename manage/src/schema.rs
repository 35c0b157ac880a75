//! `db …`

use crate::session::Session;
use clap::Subcommand;
use serde_json::json;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the schema up to date
    Sync,
    /// Show the version of the schema
    Version,
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Sync => session.database.migrate().await?,
        Command::Version => {}
    }
    let version = session.database.schema_version().await?;
    session.output.facts(&json!({ "version": version }), &[("version", version.to_string())])?;
    Ok(ExitCode::SUCCESS)
}
