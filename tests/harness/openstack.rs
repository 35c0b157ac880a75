//! What OpenStack's own services have in common.

use crate::files;
use std::path::Path;
use std::process::Command;

/// The command that serves the application that a function of a service's module makes, from where the service is installed.
pub(crate) fn server(installation: &Path, module: &str, function: &str, port: u16) -> Command {
    let mut command = Command::new(installation.join("bin/python"));
    command.arg(files::repository().join("scripts/openstack-server.py"));
    command.args([module, function, &port.to_string()]);
    command.env("PYTHONWARNINGS", "ignore");
    command
}
