//! `volume …`

use crate::find_backend::find_backend;
use crate::session::Session;
use anyhow::bail;
use clap::Subcommand;
use database::backends::{self, HostUpdate};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Move the volumes of a renamed host or backend to the new name. The old backend must be
    /// down, and neither backend frozen, failed over or executing operations
    UpdateHost {
        /// The old name: host@backend
        #[arg(long, value_name = "BACKEND")]
        current: String,
        /// The new name: host@backend, whose worker has started at least once
        #[arg(long, value_name = "BACKEND")]
        new: String,
    },
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    let Command::UpdateHost { current, new } = command;
    let (from, to) = (find_backend(session, &current).await?, find_backend(session, &new).await?);
    match backends::update_host(&session.database, from.id, to.id).await? {
        HostUpdate::Reason(reason) => bail!("nothing has changed: {reason}"),
        HostUpdate::Moved(count) => {
            session.output.say(&format!("{count} volumes moved from {current} to {new}"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
