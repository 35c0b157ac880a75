//! `[bus]`: how RabbitMQ is reached.

use crate::secret::Secret;
use crate::tls::TlsConfig;
use model::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// The kind of queue that RabbitMQ keeps for us.
    pub enum QueueType {
        /// For one broker.
        Classic = "classic",
        /// For a cluster of brokers.
        Quorum = "quorum",
    }
}

/// `[bus]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BusConfig {
    /// `amqp://user:password@host:port/vhost`, or `amqps://…`.
    pub url: Secret,
    /// What APIs, operators' commands and schedulers share, at least 32 characters: with it, schedulers take the requests alone
    /// that are signed with it. Workers need no key.
    pub request_key: Option<Secret>,
    /// For `amqps`.
    pub tls: TlsConfig,
    /// What every exchange and queue is called first; keeps installations on one broker apart.
    pub namespace: String,
    /// `classic` on one broker, `quorum` in a cluster of brokers.
    pub queue_type: QueueType,
    /// Whether a process makes the exchanges when it connects: its user on the broker must be allowed to. Otherwise
    /// `cinderblock-manage bootstrap` made them.
    pub declare_exchanges: bool,
    /// A connection on which nothing arrives for twice as long is given up.
    pub heartbeat_seconds: u16,
    /// How long a connection attempt may take.
    pub connect_timeout_seconds: u64,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            url: "amqp://guest:guest@127.0.0.1:5672/%2f".into(),
            request_key: None,
            tls: TlsConfig::default(),
            namespace: "cinderblock".to_owned(),
            queue_type: QueueType::Classic,
            declare_exchanges: true,
            heartbeat_seconds: 5,
            connect_timeout_seconds: 3,
        }
    }
}
