//! `volume …`

use crate::Session;
use crate::backend::find;
use anyhow::bail;
use clap::Subcommand;
use database::backends::{self, HostUpdate};
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// After a host or a backend got another name: its volumes are those of the new name. The old one must be
    /// down, and neither frozen, failed over or at work
    UpdateHost {
        /// The name until now: host@backend
        #[arg(long, value_name = "BACKEND")]
        current: String,
        /// The new name, of a worker that has started once
        #[arg(long, value_name = "BACKEND")]
        new: String,
    },
}

pub async fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    let Command::UpdateHost { current, new } = command;
    let (from, to) = (find(session, &current).await?, find(session, &new).await?);
    match backends::update_host(&session.database, from.id, to.id).await? {
        HostUpdate::Reason(reason) => bail!("nothing has changed: {reason}"),
        HostUpdate::Moved(count) => {
            session.output.say(&format!("{count} volumes of {current} are on {new} now"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
