//! The log: one line an event, on standard error.

use anyhow::Context;
use common::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

/// Starts logging. Called once, before anything else happens.
pub(crate) fn start(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.filter)
        .with_context(|| format!("log.filter: cannot understand '{}'", config.filter))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
