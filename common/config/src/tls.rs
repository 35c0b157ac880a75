//! `[database.tls]` and `[bus.tls]`: whom a service believes to be its server, and how it says who it is.

use crate::ConfigError;
use crate::error::invalid;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Files with certificates and keys, in PEM. Whether TLS is used at all, the section's `url` says; where it is, the server's
/// certificate must be good and name the host of that URL.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsConfig {
    /// The certificates of those who may vouch for the server. Without it, those that the machine trusts.
    pub ca_file: Option<PathBuf>,
    /// The certificate of this service, where the server wants one.
    pub certificate_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
}

impl TlsConfig {
    /// Whether anything is configured.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.ca_file.is_some() || self.certificate_file.is_some() || self.key_file.is_some()
    }

    pub(crate) fn validate(&self, section: &str) -> Result<(), ConfigError> {
        if self.certificate_file.is_some() == self.key_file.is_some() {
            return Ok(());
        }
        Err(invalid(section, "certificate_file and key_file belong together"))
    }
}
