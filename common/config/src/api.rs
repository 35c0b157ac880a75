//! `[api]`: `cinderblock-api`.

use model::text_enum;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

text_enum! {
    /// How callers prove who they are.
    pub enum Identity {
        /// No authentication: the caller's headers are trusted. For development.
        Noauth = "noauth",
    }
}

/// `[api]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How callers prove who they are; must be stated.
    pub identity: Option<Identity>,
    /// Lets `noauth` listen on more than loopback.
    pub noauth_beyond_loopback: bool,
    /// The address that clients use, when it differs from what they ask for (a proxy).
    pub public_endpoint: Option<String>,
    /// The most items of one page.
    pub max_page: i64,
    /// The largest body.
    pub max_body_bytes: usize,
    /// How long the scheduler's answer is waited for.
    pub submit_timeout_seconds: f64,
    /// How long a data path may take to open or close before the client is told to look again.
    pub connect_timeout_seconds: f64,
    /// The type of a volume for which none is asked.
    pub default_volume_type: String,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8776)),
            identity: None,
            noauth_beyond_loopback: false,
            public_endpoint: None,
            max_page: 1000,
            max_body_bytes: 114_688,
            submit_timeout_seconds: 10.0,
            connect_timeout_seconds: 60.0,
            default_volume_type: "__DEFAULT__".to_owned(),
        }
    }
}
