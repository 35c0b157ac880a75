//! `[services]`: the settings that all services share.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[services]`: what all services share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ServicesConfig {
    /// The name of this machine in the service list; the machine's own by default.
    pub host: String,
    /// The zone of this machine's services.
    pub availability_zone: String,
    /// How often a service reports that it is alive.
    pub heartbeat_seconds: f64,
    /// After how long without a report a service counts as down. The same for all services.
    pub down_after_seconds: f64,
    /// How long an ending service waits for what it has begun.
    pub shutdown_seconds: u64,
}

impl Default for ServicesConfig {
    fn default() -> Self {
        Self {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            availability_zone: "nova".to_owned(),
            heartbeat_seconds: 5.0,
            down_after_seconds: 20.0,
            shutdown_seconds: 10,
        }
    }
}

impl ServicesConfig {
    /// How often a service reports that it is alive.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs_f64(self.heartbeat_seconds)
    }

    /// After how long without a report a service counts as down.
    #[must_use]
    pub fn down_after(&self) -> Duration {
        Duration::from_secs_f64(self.down_after_seconds)
    }
}
