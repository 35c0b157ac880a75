//! `[scheduler]`: `cinderblock-scheduler`.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, SocketAddr};

/// `[scheduler]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SchedulerConfig {
    /// Where its health is asked for.
    pub health_listen: SocketAddr,
    /// How many requests it works on at once.
    pub concurrency: u16,
    /// Whether a frozen or disabled backend refuses attach and detach too.
    pub frozen_refuses_connections: bool,
    /// The multiplier of the free-capacity weigher; negative: full pools first.
    pub capacity_weight_multiplier: f64,
    /// The multiplier of the volume-number weigher; negative: pools with few volumes first.
    pub volume_number_multiplier: f64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            health_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8777)),
            concurrency: 64,
            frozen_refuses_connections: false,
            capacity_weight_multiplier: 1.0,
            volume_number_multiplier: 0.0,
        }
    }
}
