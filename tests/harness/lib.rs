//! Private PostgreSQL and RabbitMQ servers, and clusters of real cinderblock processes on them.
//!
//! Everything listens on loopback and ends by its own process id. Used by the tests, by `make demo`
//! and by `make up`.

pub mod client;
pub mod cluster;
pub mod files;
pub mod invariants;
pub mod operations_document;
pub mod patience;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod rabbitmq;
pub mod scene;
pub mod servers;

pub use client::{Answered, Client};
pub use cluster::{BackendSpec, Cluster, ClusterBuilder, PROJECT};
pub use patience::{until, until_some};
pub use process::kill_by_pid_file;
pub use servers::Servers;

/// Whether qemu-io can do all of this with an image or export.
///
/// # Errors
/// When qemu-io is not installed.
pub fn qemu_io(uri: &str, commands: &[&str]) -> anyhow::Result<bool> {
    let mut command = std::process::Command::new("qemu-io");
    command.args(["-f", "raw"]);
    for step in commands {
        command.args(["-c", step]);
    }
    let output = command.arg(uri).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && !printed.contains("failed"))
}
