//! A service: one process of cinderblock that reports that it is alive.

use super::{BackendId, Metadata, ServiceId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use uuid::Uuid;

text_enum! {
    /// The kinds of services that are listed, in the words that Cinder's clients filter by.
    pub enum Binary {
        /// The scheduler.
        Scheduler = "cinder-scheduler",
        /// The worker of one backend.
        Volume = "cinder-volume",
        /// The backup service of one machine.
        Backup = "cinder-backup",
    }
}

text_enum! {
    /// How much is logged, in the words of Python's logging.
    pub enum LogLevel {
        /// What must not happen.
        Error = "ERROR",
        /// What should not happen.
        Warning = "WARNING",
        /// What happens.
        Info = "INFO",
        /// How it happens.
        Debug = "DEBUG",
    }
}

/// A change of what processes log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLevelChange {
    /// Of which kind of process (`cinder-volume`); any, when it is empty.
    pub binary: String,
    /// On which host, or of which backend; anywhere, when it is empty.
    pub server: String,
    /// Of which part of the program: what its targets begin with; everything, when it is empty.
    pub prefix: String,
    /// The level from now on.
    pub level: LogLevel,
}

impl LogLevelChange {
    /// Whether it concerns a kind of process on a host.
    #[must_use]
    pub fn concerns(&self, binary: &str, host: &str) -> bool {
        let on_host = |server: &str| server == host || server.split('@').next() == Some(host);
        (self.binary.is_empty() || self.binary == binary)
            && (self.server.is_empty() || on_host(&self.server))
    }
}

/// A row of the service registry.
#[derive(Clone, Debug, Deserialize)]
pub struct Service {
    /// Its id.
    pub id: ServiceId,
    /// What kind of service it is.
    pub binary: Binary,
    /// `host`, or `host@backend` for a volume service.
    pub host: String,
    /// The backend that it works for.
    pub backend_id: Option<BackendId>,
    /// The start of the process that reported last.
    pub boot_id: Uuid,
    /// The zone it serves.
    pub availability_zone: String,
    /// What it logs of what, by target.
    #[serde(default)]
    pub log_levels: Metadata,
    /// The newest heartbeat; `None` after an orderly stop.
    #[serde(with = "rfc3339::option")]
    pub seen_at: Option<OffsetDateTime>,
    /// Whether the newest heartbeat is recent enough.
    pub is_up: bool,
    /// Whether it has confirmed the current epoch of its backend.
    pub confirmed_epoch: bool,
}
