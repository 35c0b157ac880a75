//! `service …`

use crate::session::Session;
use anyhow::ensure;
use clap::Subcommand;
use database::services;
use model::Binary;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// All services
    List,
    /// Remove a service that is down from the service list
    Remove {
        /// cinder-volume, cinder-backup or cinder-scheduler
        binary: Binary,
        /// As in the list
        host: String,
    },
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => {
            let rows: Vec<Value> = services::list(&session.database)
                .await?
                .iter()
                .map(|service| {
                    json!({
                        "binary": service.binary,
                        "host": service.host,
                        "zone": service.availability_zone,
                        "state": if service.is_up { "up" } else { "down" },
                    })
                })
                .collect();
            session.output.rows(&rows, &["BINARY", "HOST", "ZONE", "STATE"], |row| {
                let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
                vec![text("binary"), text("host"), text("zone"), text("state")]
            })?;
        }
        Command::Remove { binary, host } => {
            let removed = services::remove(&session.database, binary, &host).await?;
            ensure!(removed, "no service {binary} on {host} is down");
            session.output.say(&format!("{binary} on {host} is removed"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
