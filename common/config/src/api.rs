//! `[api]`: `cinderblock-api`.

use model::text_enum;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

text_enum! {
    /// How callers prove who they are.
    pub enum Identity {
        /// No authentication: the caller's headers are trusted. For development.
        Noauth = "noauth",
        /// Callers have tokens, which Keystone is asked about.
        Keystone = "keystone",
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
    /// How long a client may take to send a request's headers, and may keep a connection without a request.
    pub header_timeout_seconds: f64,
    /// How long a client may take to send a request's body.
    pub body_timeout_seconds: f64,
    /// The most connections of all clients.
    pub max_connections: usize,
    /// The most connections from one address that is no trusted proxy's.
    pub max_connections_per_client: usize,
    /// The most requests that are answered at once; one more gets a 503.
    pub max_requests: usize,
    /// The proxies whose `X-Forwarded-Host` and `X-Forwarded-Proto` are believed, and which have connections of many clients.
    pub trusted_proxies: Vec<IpAddr>,
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
            header_timeout_seconds: 30.0,
            body_timeout_seconds: 30.0,
            max_connections: 2000,
            max_connections_per_client: 500,
            max_requests: 1000,
            trusted_proxies: Vec::new(),
            submit_timeout_seconds: 10.0,
            connect_timeout_seconds: 60.0,
            default_volume_type: "__DEFAULT__".to_owned(),
        }
    }
}

impl ApiConfig {
    /// How long a client may take to send a request's headers.
    #[must_use]
    pub fn header_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.header_timeout_seconds)
    }

    /// How long a client may take to send a request's body.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.body_timeout_seconds)
    }
}
