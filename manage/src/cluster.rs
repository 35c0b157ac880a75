//! `cluster …`

use crate::session::Session;
use clap::Subcommand;
use database::{backends, services};
use model::Service;
use serde_json::{Value, json};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Clustered backends with their members: up, down, and those that have not confirmed
    /// the current epoch after a failover
    List,
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    let Command::List = command;
    let services = services::list(&session.database).await?;
    let known = backends::list(&session.database).await?;
    let rows: Vec<Value> = known
        .iter()
        .filter(|backend| backend.clustered)
        .map(|cluster| {
            let members = || services.iter().filter(|one| one.backend_id == Some(cluster.id));
            let hosts = |are: fn(&Service) -> bool| -> Vec<&str> {
                members().filter(|one| are(one)).map(|one| one.host.as_str()).collect()
            };
            json!({
                "cluster": cluster.name,
                "replication_status": cluster.replication_status,
                "active": cluster.active.to_string(),
                "members_up": hosts(|one| one.is_up),
                "members_down": hosts(|one| !one.is_up),
                "members_unconfirmed": hosts(|one| !one.confirmed_epoch),
            })
        })
        .collect();
    let headings =
        ["CLUSTER", "REPLICATION", "ACTIVE SIDE", "MEMBERS UP", "MEMBERS DOWN", "NOT CONFIRMED"];
    session.output.rows(&rows, &headings, |row| {
        let text = |key: &str| row[key].as_str().unwrap_or("-").to_owned();
        let hosts = |key: &str| {
            let named = row[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            let named: Vec<&str> = named.collect();
            if named.is_empty() { "-".to_owned() } else { named.join(", ") }
        };
        vec![
            text("cluster"),
            text("replication_status"),
            text("active"),
            hosts("members_up"),
            hosts("members_down"),
            hosts("members_unconfirmed"),
        ]
    })?;
    Ok(ExitCode::SUCCESS)
}
