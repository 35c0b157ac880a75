//! `backend verify`: replicas that are in sync are compared with their volumes.

use crate::find_backend::find_backend;
use crate::session::Session;
use crate::submit_operation::submit;
use anyhow::ensure;
use clap::Args;
use operation::VerifyReplicas;
use std::process::ExitCode;
use std::time::Duration;
use uuid::Uuid;

/// How often the progress is read.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub struct Arguments {
    /// The backend, host@name, as shown by `backend list`
    name: String,
    /// Make equal to the volume what differs; otherwise it is counted and named
    #[arg(long)]
    repair: bool,
    /// Do not wait for the end; `backend verify --show` tells later how far it is
    #[arg(long)]
    no_wait: bool,
    /// Begin none, but show how far the newest one is
    #[arg(long, conflicts_with_all = ["repair", "no_wait"])]
    show: bool,
}

/// Verifies the replicas of a backend, and shows those that differ: then the exit code is 3.
pub async fn run(session: &Session, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let backend = find_backend(session, &arguments.name).await?;
    if arguments.show {
        return show(session, backend.id).await;
    }
    let verification_id = Uuid::new_v4();
    let repair = arguments.repair;
    submit(session, VerifyReplicas { backend_id: backend.id, verification_id, repair }).await?;
    if arguments.no_wait {
        session.output.say(&format!("the replicas of {} are being verified", backend.name))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut told = String::new();
    loop {
        let backend = find_backend(session, &arguments.name).await?;
        ensure!(backend.active.is_primary(), "the backend has failed over meanwhile");
        let found = session.database.verification(backend.id).await?;
        ensure!(found.id == Some(verification_id), "another verification has begun");
        if found.verified == found.replicated {
            return show(session, backend.id).await;
        }
        let now = format!(
            "{} of {} replicas are verified, {} wait until they are in sync",
            found.verified, found.replicated, found.waiting
        );
        if now != told {
            session.output.say(&now)?;
            told = now;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn show(session: &Session, backend: model::BackendId) -> anyhow::Result<ExitCode> {
    let found = session.database.verification(backend).await?;
    session.output.facts(
        &found,
        &[
            ("replicas verified", format!("{} of {}", found.verified, found.replicated)),
            ("waiting until they are in sync", found.waiting.to_string()),
            ("different", found.different.to_string()),
            ("repaired", if found.repairs { "yes" } else { "no" }.to_owned()),
        ],
    )?;
    for one in &found.most_different {
        let name = one.name.as_deref().unwrap_or_default();
        session.output.say(&format!("{} {name}: {} bytes differ", one.id, one.differing_bytes))?;
    }
    Ok(if found.different == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
