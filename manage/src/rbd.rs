//! `rbd …`: what a Ceph cluster must know of cinderblock. Neither the database nor a cluster is asked.

use crate::session::Session;
use anyhow::ensure;
use clap::Subcommand;
use configuration::{BackendConfig, DriverName};
use serde::Serialize;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the commands that make the user of each backend, with least rights, on each of its clusters
    Keyring,
}

/// A line of `rbd keyring`.
#[derive(Serialize)]
struct Line {
    backend: String,
    side: String,
    command: String,
}

pub fn run(session: &Session, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Keyring => keyring(session),
    }
}

fn keyring(session: &Session) -> anyhow::Result<ExitCode> {
    let backends = session.config.backends.iter();
    let lines: Vec<Line> = backends
        .filter(|(_, backend)| backend.driver == DriverName::Rbd)
        .flat_map(|(name, backend)| lines(name, backend))
        .collect();
    ensure!(!lines.is_empty(), "no backend of the configuration has the driver rbd");
    let row = |one: &Line| vec![one.backend.clone(), one.side.clone(), one.command.clone()];
    session.output.rows(&lines, &["BACKEND", "SIDE", "COMMAND"], row)?;
    Ok(ExitCode::SUCCESS)
}

fn lines(name: &str, backend: &BackendConfig) -> Vec<Line> {
    let rbd = &backend.rbd;
    let line = |side: &str, conf: &Path, user: &str| Line {
        backend: name.to_owned(),
        side: side.to_owned(),
        command: rbd.make_user(conf, user),
    };
    let targets = backend.replication_device.iter().map(|device| {
        let user = device.user.as_deref().unwrap_or(&rbd.rbd_user);
        line(&device.backend_id, &device.conf_or_default(), user)
    });
    [line("default", &rbd.rbd_ceph_conf, &rbd.rbd_user)].into_iter().chain(targets).collect()
}
