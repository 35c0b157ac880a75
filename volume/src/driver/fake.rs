//! `fake`: nothing but memory, for load and fault tests.
//!
//! A volume's metadata says what shall go wrong with it:
//!
//! | key | effect |
//! |---|---|
//! | `fake:fail` | calls of the driver method named here fail (several: separated by commas) |
//! | `fake:latency_ms` | each call takes so long, instead of the configured time |

use super::{Driver, DriverError, Fence};
use async_trait::async_trait;
use common::config::BackendConfig;
use common::model::{BackendReport, ConnectionInfo, PoolReport, Volume, VolumeId};
use serde_json::{Map, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A backend that pretends.
pub(super) struct FakeDriver {
    name: String,
    config: BackendConfig,
    /// The sizes of the volumes, in GiB.
    volumes: Mutex<HashMap<VolumeId, i32>>,
}

impl FakeDriver {
    pub fn new(name: &str, config: &BackendConfig) -> Self {
        Self { name: name.to_owned(), config: config.clone(), volumes: Mutex::default() }
    }

    fn volumes(&self) -> MutexGuard<'_, HashMap<VolumeId, i32>> {
        self.volumes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the time, and fails if it shall.
    async fn pretend(&self, method: &str, volume: &Volume) -> Result<(), DriverError> {
        let latency = volume.metadata.get("fake:latency_ms").and_then(|text| text.parse().ok());
        let latency = Duration::from_millis(latency.unwrap_or(self.config.fake.latency_ms));
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let failing = volume.metadata.get("fake:fail");
        if failing.is_some_and(|methods| methods.split(',').any(|failing| failing == method)) {
            return Err(DriverError::failed(format!("{method} fails because fake:fail says so")));
        }
        Ok(())
    }
}

#[async_trait]
impl Driver for FakeDriver {
    async fn start(&self) -> Result<(), DriverError> {
        Ok(())
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let volumes = self.volumes();
        let provisioned: f64 = volumes.values().copied().map(f64::from).sum();
        let capacity = self.config.fake.capacity_gb;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: "cinderblock".to_owned(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: "fake".to_owned(),
            online_extend_support: true,
            pools: vec![PoolReport {
                name: self.name.clone(),
                total_capacity_gb: capacity,
                free_capacity_gb: capacity,
                provisioned_capacity_gb: provisioned,
                max_over_subscription_ratio: self.config.max_over_subscription_ratio,
                reserved_percentage: self.config.reserved_percentage,
                thin_provisioning_support: true,
                total_volumes: volumes.len() as u64,
            }],
        })
    }

    async fn create_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("create_volume", volume).await?;
        self.volumes().insert(volume.id, volume.size_gb);
        Ok(())
    }

    async fn delete_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("delete_volume", volume).await?;
        self.volumes().remove(&volume.id);
        Ok(())
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("extend_volume", volume).await?;
        self.volumes().insert(volume.id, size_gb);
        Ok(())
    }

    async fn export(&self, volume: &Volume, _fence: Fence) -> Result<ConnectionInfo, DriverError> {
        self.pretend("export", volume).await?;
        let data = Map::from_iter([("volume_id".to_owned(), json!(volume.id))]);
        Ok(ConnectionInfo { driver_volume_type: "fake".to_owned(), data })
    }

    async fn unexport(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("unexport", volume).await
    }
}
