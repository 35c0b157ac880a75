//! `[nova]`: the compute service, which knows whether a server uses a volume.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[nova]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct NovaConfig {
    /// The address of Nova's API, `https://…/v2.1`. Without it, and without `find_in_catalogue`, Nova is not asked, and what a server
    /// may use is detached by services alone.
    pub endpoint: Option<String>,
    /// Whether Nova is asked at the address that Keystone's catalogue has, of `keystone.region` and `keystone.interface`.
    pub find_in_catalogue: bool,
    /// A file with the certificates, in PEM, of those who may vouch for Nova; without it those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// How long Nova may take to answer.
    pub timeout_seconds: f64,
}

impl Default for NovaConfig {
    fn default() -> Self {
        Self { endpoint: None, find_in_catalogue: false, ca_file: None, timeout_seconds: 5.0 }
    }
}

impl NovaConfig {
    /// Whether Nova is asked, and told.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.endpoint.is_some() || self.find_in_catalogue
    }

    /// How long Nova may take to answer.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_seconds)
    }
}
