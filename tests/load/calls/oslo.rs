//! The calls of `oslo.messaging`, from PyPI, through the same broker.

use anyhow::Context;
use harness::files;
use std::time::Duration;

/// Calls per second, for each number of callers.
pub async fn rates(broker: &str, callers: &[usize], time: Duration) -> anyhow::Result<Vec<f64>> {
    let python = files::run_directory().join("oslo/bin/python");
    let url = broker.replacen("amqp://", "rabbit://", 1).replace("%2f", "");
    let mut command = tokio::process::Command::new(python);
    command.arg(files::repository().join("scripts/oslo-calls.py"));
    command.arg(url).arg(time.as_secs().to_string());
    command.args(callers.iter().map(ToString::to_string));
    let output = command.output().await.context("no oslo.messaging: `make oslo`")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "oslo-calls.py: {complaint}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
