//! The log: one line an event, on standard error.

use anyhow::Context;
use common::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

/// What libraries log is off unless the filter names them: what matters of it is logged by us, where it
/// is handled, and lapin's messages would show the bodies of requests.
const LIBRARIES: [(&str, &str); 3] = [
    ("lapin", "lapin=off"),
    ("refinery", "refinery_core=warn"),
    ("postgres", "tokio_postgres=warn"),
];

/// Starts logging. Called once, before anything else happens.
pub(crate) fn start(config: &LogConfig) -> anyhow::Result<()> {
    let mut directives = config.filter.clone();
    for (library, directive) in LIBRARIES {
        if !config.filter.contains(library) {
            directives = format!("{directives},{directive}");
        }
    }
    let filter = EnvFilter::try_new(&directives)
        .with_context(|| format!("log.filter: cannot understand '{}'", config.filter))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}
