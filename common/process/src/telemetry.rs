//! The log: one line an event, on standard error.

use crate::log_levels;
use anyhow::Context;
use configuration::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;

/// Log events of libraries are off unless the filter names them: cinderblock logs the relevant errors where it
/// handles them, and lapin's messages would show the bodies of requests.
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
    let filter = parse(&directives)
        .with_context(|| format!("log.filter: cannot understand '{}'", config.filter))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    match config.format {
        LogFormat::Text => {
            let log = log.with_filter_reloading();
            let handle = log.reload_handle();
            log_levels::start(directives, Box::new(move |text| Ok(handle.reload(parse(text)?)?)));
            log.init();
        }
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_filter_reloading();
            let handle = log.reload_handle();
            log_levels::start(directives, Box::new(move |text| Ok(handle.reload(parse(text)?)?)));
            log.init();
        }
    }
    Ok(())
}

fn parse(directives: &str) -> anyhow::Result<EnvFilter> {
    Ok(EnvFilter::try_new(directives)?)
}
