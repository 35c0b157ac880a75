//! Reading and writing what volumes hold, as servers do.

use anyhow::Context;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};

/// Whether qemu-io can do all of this with an image or export.
///
/// # Errors
/// When qemu-io is not installed.
pub fn qemu_io(uri: &str, commands: &[&str]) -> anyhow::Result<bool> {
    let mut command = Command::new("qemu-io");
    command.args(["-f", "raw"]);
    for step in commands {
        command.args(["-c", step]);
    }
    let output = command.arg(uri).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && !printed.contains("failed"))
}

/// Does this with the data at which connection information leads, in either of its forms: qemu-io's
/// commands, over NBD or iSCSI.
///
/// # Errors
/// When the server is not let in, or a command fails.
pub fn access_data(connection: &Value, commands: &[&str]) -> anyhow::Result<()> {
    access_data_from("initiator", connection, commands)
}

/// The same from a host of this name.
///
/// # Errors
/// When the server is not let in, or a command fails.
pub fn access_data_from(host: &str, connection: &Value, commands: &[&str]) -> anyhow::Result<()> {
    let data = connection.get("data").unwrap_or(connection);
    match connection["driver_volume_type"].as_str() {
        Some("nbd") => {
            let uri = data["uri"].as_str().context("a URI")?;
            anyhow::ensure!(qemu_io(uri, commands)?, "qemu-io fails: {commands:?}");
            Ok(())
        }
        Some("iscsi") => over_iscsi(host, data, commands),
        other => anyhow::bail!("no data is reached over {other:?}"),
    }
}

fn over_iscsi(host: &str, data: &Value, commands: &[&str]) -> anyhow::Result<()> {
    let text = |key: &str| data[key].as_str().with_context(|| format!("no {key} in {data}"));
    let lun = data["target_lun"].to_string();
    let mut initiator = Command::new("python3")
        .args(["-c", include_str!("iscsi_initiator.py")])
        .args([text("target_portal")?, text("target_iqn")?, &lun, text("auth_username")?, host])
        .args(commands)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = initiator.stdin.take().context("an input")?;
    writeln!(input, "{}", text("auth_password")?)?;
    drop(input);
    let output = initiator.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{}", complaint.trim());
    Ok(())
}
