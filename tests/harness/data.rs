//! Reading and writing what volumes hold, as servers do.

use anyhow::Context;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Whether qemu-io can do all of this with an image or export.
///
/// # Errors
/// When qemu-io is not installed.
pub fn qemu_io(uri: &str, commands: &[&str]) -> anyhow::Result<bool> {
    Ok(run_qemu_io(uri, commands)?.is_ok())
}

/// What it said when it failed is the inner error.
fn run_qemu_io(uri: &str, commands: &[&str]) -> anyhow::Result<Result<(), String>> {
    let mut command = Command::new("qemu-io");
    command.args(["-f", "raw"]);
    for step in commands {
        command.args(["-c", step]);
    }
    let output = command.arg(uri).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && !printed.contains("failed") {
        return Ok(Ok(()));
    }
    let words = ["failed", "error", "Error"];
    let is_telling = |line: &&str| words.iter().any(|word| line.contains(word));
    let told: Vec<_> = printed.lines().filter(is_telling).collect();
    Ok(Err(format!("{} {}", told.join("; "), String::from_utf8_lossy(&output.stderr))))
}

/// Whether a file has nothing but this byte in so many bytes from this offset on.
///
/// # Errors
/// When it cannot be read.
pub fn holds(file: &Path, byte: u8, offset: u64, length: usize) -> anyhow::Result<bool> {
    let mut found = vec![0; length];
    File::open(file)?.read_exact_at(&mut found, offset)?;
    Ok(found.iter().all(|one| *one == byte))
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
            run_qemu_io(uri, commands)?.map_err(|said| anyhow::anyhow!("qemu-io: {said}"))
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
