//! `[glance]`: the image service.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// `[glance]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct GlanceConfig {
    /// The address of Glance's API, `https://…`. Without it, and without `find_in_catalogue`, there are no images.
    pub endpoint: Option<String>,
    /// Whether Glance is at the address that Keystone's catalogue has, of `keystone.region` and `keystone.interface`.
    pub find_in_catalogue: bool,
    /// A file with the certificates, in PEM, of those who may vouch for Glance; without it those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// How long Glance may take to answer; in the midst of an image's data, how long a pause may be.
    pub timeout_seconds: f64,
}

impl Default for GlanceConfig {
    fn default() -> Self {
        Self { endpoint: None, find_in_catalogue: false, ca_file: None, timeout_seconds: 30.0 }
    }
}

impl GlanceConfig {
    /// Whether there is an image service.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.endpoint.is_some() || self.find_in_catalogue
    }

    /// How long Glance may take to answer, or a pause may be.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout_seconds)
    }
}
