//! Identity: who callers are, by what they say or by their tokens.

mod headers;
pub(crate) mod keystone;
pub(crate) mod noauth;
mod token;

use configuration::{Config, Identity};
use keystone::Keystone;

/// How callers are identified.
pub(crate) enum Identification {
    /// By what they say.
    Noauth,
    /// By their tokens.
    Keystone(Box<Keystone>),
}

impl Identification {
    /// As the configuration says.
    ///
    /// # Errors
    /// When it says nothing, or what Keystone needs is missing.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        match config.api.identity {
            Some(Identity::Noauth) => Ok(Self::Noauth),
            Some(Identity::Keystone) => {
                Ok(Self::Keystone(Box::new(Keystone::new(&config.keystone)?)))
            }
            None => anyhow::bail!("api.identity is not set"),
        }
    }
}
