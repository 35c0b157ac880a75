//! The log levels of the process: as configured, until an operator changes them over the API.

use bus::serve::{ConsumerSource, Receive};
use bus::{Bus, Context, Topic};
use configuration::Config;
use database::{Database, services};
use model::{Error, LogLevel, LogLevelChange, Metadata, Result};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The log targets whose levels are reported.
const PARTS: [&str; 8] = [
    "cinderblock_api",
    "cinderblock_backup",
    "cinderblock_common",
    "cinderblock_driver",
    "cinderblock_process",
    "cinderblock_scheduler",
    "cinderblock_steps",
    "cinderblock_volume",
];

/// Puts the directives of a filter into effect.
type Reload = Box<dyn Fn(&str) -> anyhow::Result<()> + Send + Sync>;

struct Levels {
    /// As configured.
    directives: String,
    /// The levels set since the start, by target prefix; the last one for a prefix applies.
    changes: Mutex<Vec<(String, LogLevel)>>,
    reload: Reload,
}

static LEVELS: OnceLock<Levels> = OnceLock::new();

/// Called once, when the log starts.
pub(crate) fn start(directives: String, reload: Reload) {
    let levels = Levels { directives, changes: Mutex::default(), reload };
    drop(LEVELS.set(levels));
}

/// The level of each part of the program.
#[must_use]
pub fn current() -> Metadata {
    let Some(levels) = LEVELS.get() else { return Metadata::new() };
    let changes = levels.changes.lock().unwrap_or_else(PoisonError::into_inner);
    let configured = configured(&levels.directives);
    let level = |part: &str| {
        let asked = changes.iter().rev().find(|(prefix, _)| part.starts_with(prefix.as_str()));
        asked.map_or(configured, |(_, level)| *level)
    };
    PARTS.iter().map(|part| ((*part).to_owned(), level(part).to_string())).collect()
}

/// Logs what targets that begin with a prefix say up to a level.
fn change(prefix: &str, level: LogLevel) -> anyhow::Result<()> {
    let Some(levels) = LEVELS.get() else { return Ok(()) };
    let mut changes = levels.changes.lock().unwrap_or_else(PoisonError::into_inner);
    changes.retain(|(changed, _)| !changed.starts_with(prefix));
    changes.push((prefix.to_owned(), level));
    let mut directives = levels.directives.clone();
    for (prefix, level) in &*changes {
        let parts = PARTS.iter().filter(|part| part.starts_with(prefix.as_str()));
        let targets: Vec<&str> = match parts.copied().collect::<Vec<_>>() {
            // a module within a part
            parts if parts.is_empty() => vec![prefix],
            parts => parts,
        };
        for target in targets {
            directives = format!("{directives},{target}={}", directive(*level));
        }
    }
    (levels.reload)(&directives)
}

/// The level of targets that no directive names.
fn configured(directives: &str) -> LogLevel {
    let plain = directives.split(',').find(|directive| !directive.contains('='));
    match plain.unwrap_or("info").trim() {
        "error" | "off" => LogLevel::Error,
        "warn" => LogLevel::Warning,
        "debug" | "trace" => LogLevel::Debug,
        _ => LogLevel::Info,
    }
}

const fn directive(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warning => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}

/// Receives changes of what is logged, for one process.
pub struct LogLevels {
    binary: &'static str,
    host: String,
    database: Database,
}

impl LogLevels {
    /// Serves until the bus stops. `binary` is what clients call the kind of process.
    pub async fn serve(binary: &'static str, config: &Config, database: &Database, bus: &Bus) {
        let host = config.services.host.clone();
        let receiver = Self { binary, host, database: database.clone() };
        bus.serve(ConsumerSource::Topic(Topic::LogLevels), Arc::new(receiver)).await;
    }
}

impl Receive for LogLevels {
    type Message = LogLevelChange;
    type Reply = ();

    async fn receive(self: &Arc<Self>, _context: Context, asked: LogLevelChange) -> Result<()> {
        if !asked.concerns(self.binary, &self.host) {
            return Ok(());
        }
        let LogLevelChange { prefix, level, .. } = asked;
        change(&prefix, level).map_err(Error::internal)?;
        tracing::info!(prefix, %level, "the log level was changed");
        services::record_log_levels(&self.database, self.binary, &self.host, &current()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_directive_is_what_is_configured() {
        assert_eq!(configured("info,lapin=off"), LogLevel::Info);
        assert_eq!(configured("lapin=off,warn"), LogLevel::Warning);
        assert_eq!(configured("cinderblock_api=debug"), LogLevel::Info);
    }

    #[test]
    fn a_change_concerns_whom_it_names() {
        let change = |binary: &str, server: &str| LogLevelChange {
            binary: binary.to_owned(),
            server: server.to_owned(),
            prefix: String::new(),
            level: LogLevel::Debug,
        };
        assert!(change("", "").concerns("cinder-volume", "host"));
        assert!(change("cinder-volume", "host@ssd").concerns("cinder-volume", "host"));
        assert!(!change("cinder-volume", "other").concerns("cinder-volume", "host"));
        assert!(!change("cinder-api", "").concerns("cinder-volume", "host"));
    }
}
