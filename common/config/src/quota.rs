//! `[quota]`: the limits of a project for which none were set.

use model::quota::{GIGABYTES, PER_VOLUME_GIGABYTES, SNAPSHOTS, VOLUMES};
use serde::{Deserialize, Serialize};

/// `[quota]`: the limits of a project for which none were set; -1 is no limit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaConfig {
    /// Volumes.
    pub volumes: i64,
    /// Snapshots.
    pub snapshots: i64,
    /// GiB in all volumes and snapshots.
    pub gigabytes: i64,
    /// GiB in one volume.
    pub per_volume_gigabytes: i64,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self { volumes: 10, snapshots: 10, gigabytes: 1000, per_volume_gigabytes: -1 }
    }
}

impl QuotaConfig {
    /// The limit of a resource for which no project's quota was set.
    #[must_use]
    pub fn default_limit(&self, resource: &str) -> i64 {
        match resource {
            VOLUMES => self.volumes,
            SNAPSHOTS => self.snapshots,
            GIGABYTES => self.gigabytes,
            PER_VOLUME_GIGABYTES => self.per_volume_gigabytes,
            _ => -1,
        }
    }
}
