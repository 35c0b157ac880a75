//! `[volume]`: `cinderblock-volume`.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// `[volume]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeConfig {
    /// The backends that this process works for.
    pub enabled_backends: Vec<String>,
    /// Whether a backend that was never seen before starts enabled.
    pub enable_new_backends: bool,
    /// Where its health is asked for.
    pub health_listen: SocketAddr,
    /// Where it keeps what must survive its restart.
    pub state_directory: PathBuf,
    /// Where images are kept while they are converted: it must have room for the largest ones that are worked on at once.
    pub image_conversion_dir: PathBuf,
    /// How long an operation stays with a worker that does not report on it.
    pub lease_seconds: f64,
    /// How often it looks for operations that no message announced.
    pub sweep_seconds: f64,
    /// How many operations of one backend run at once.
    pub concurrency: usize,
}

impl Default for VolumeConfig {
    fn default() -> Self {
        Self {
            enabled_backends: Vec::new(),
            enable_new_backends: true,
            health_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8778)),
            state_directory: PathBuf::from("/var/lib/cinderblock"),
            image_conversion_dir: PathBuf::from("/var/lib/cinderblock/conversion"),
            lease_seconds: 15.0,
            sweep_seconds: 1.0,
            concurrency: 16,
        }
    }
}

impl VolumeConfig {
    /// How long an operation stays with a worker that does not report on it.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease_seconds)
    }

    /// How often a worker looks for operations that no message announced.
    #[must_use]
    pub fn sweep(&self) -> Duration {
        Duration::from_secs_f64(self.sweep_seconds)
    }
}
