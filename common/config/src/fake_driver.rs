//! `[backends.NAME.fake]`: the settings of the `fake` driver.

use serde::{Deserialize, Serialize};

/// `[backends.NAME.fake]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct FakeDriverConfig {
    /// The size of the pretended storage.
    pub capacity_gb: f64,
    /// How long each driver call takes.
    pub latency_ms: u64,
    /// The replication targets that pretend to be down.
    pub targets_down: Vec<String>,
}

impl Default for FakeDriverConfig {
    fn default() -> Self {
        Self { capacity_gb: 1000.0, latency_ms: 0, targets_down: Vec::new() }
    }
}
