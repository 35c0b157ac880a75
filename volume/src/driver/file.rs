//! `file`: raw sparse files in a directory, exported by qemu-storage-daemon.
//!
//! The directory with its daemon is an *array* ([`array`]). The daemon ([`storage_daemon`]) is a
//! process of its own: data paths stay open while the worker restarts. Needs no privileges.

mod array;
#[cfg(test)]
mod data_path;
mod fences;
mod qmp;
mod storage_daemon;

use super::{Driver, DriverError, Fence};
use array::Array;
use async_trait::async_trait;
use common::config::BackendConfig;
use common::model::{BackendReport, ConnectionInfo, PoolReport, Volume};
use fences::Held;
use serde_json::{Map, json};
use storage_daemon::StorageDaemon;

const BYTES_PER_GB: u64 = 1 << 30;

/// A backend on one array.
pub(super) struct FileDriver {
    name: String,
    config: BackendConfig,
    array: Array,
    daemon: StorageDaemon,
}

impl FileDriver {
    pub fn new(name: &str, config: &BackendConfig) -> Self {
        let array = Array::new(&config.file.directory);
        let daemon = StorageDaemon::new(&array, &config.file);
        Self { name: name.to_owned(), config: config.clone(), array, daemon }
    }

    /// Keeps every other worker away from the volume while the result lives.
    async fn hold(&self, volume: &Volume, fence: Fence) -> Result<Held, DriverError> {
        let array = self.array.clone();
        let id = volume.id;
        blocking(move || fences::hold(&array.fence_file(id), fence)).await
    }
}

#[async_trait]
impl Driver for FileDriver {
    async fn start(&self) -> Result<(), DriverError> {
        let array = self.array.clone();
        blocking(move || array.prepare()).await?;
        self.daemon.ensure_running().await
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        self.daemon.ensure_running().await?;
        let array = self.array.clone();
        let room = blocking(move || array.room()).await?;
        let gigabytes = |bytes: u64| bytes as f64 / BYTES_PER_GB as f64;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: "cinderblock".to_owned(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: "nbd".to_owned(),
            online_extend_support: false,
            pools: vec![PoolReport {
                name: self.name.clone(),
                total_capacity_gb: gigabytes(room.total),
                free_capacity_gb: gigabytes(room.free),
                provisioned_capacity_gb: gigabytes(room.provisioned),
                max_over_subscription_ratio: self.config.max_over_subscription_ratio,
                reserved_percentage: self.config.reserved_percentage,
                thin_provisioning_support: true,
                total_volumes: room.volumes,
            }],
        })
    }

    async fn create_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let _held = self.hold(volume, fence).await?;
        let (array, id, size) = (self.array.clone(), volume.id, bytes(volume.size_gb));
        blocking(move || array.create(id, size)).await
    }

    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let _held = self.hold(volume, fence).await?;
        self.daemon.unexport(volume.id, storage_daemon::Clients::Disconnect).await?;
        let (array, id) = (self.array.clone(), volume.id);
        blocking(move || array.delete(id)).await
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let _held = self.hold(volume, fence).await?;
        // the daemon does not see a file grow under an open export, so it is opened again; a client
        // that is connected keeps it from being closed, and the volume stays as it is
        let was_open = self.daemon.unexport(volume.id, storage_daemon::Clients::Respect).await?;
        let (array, id, size) = (self.array.clone(), volume.id, bytes(size_gb));
        let grown = blocking(move || array.extend(id, size)).await;
        if was_open {
            self.daemon.export(volume.id, &self.array.volume_file(volume.id)).await?;
        }
        grown
    }

    async fn export(&self, volume: &Volume, fence: Fence) -> Result<ConnectionInfo, DriverError> {
        let _held = self.hold(volume, fence).await?;
        let uri = self.daemon.export(volume.id, &self.array.volume_file(volume.id)).await?;
        let data = Map::from_iter([
            ("uri".to_owned(), json!(uri)),
            ("volume_id".to_owned(), json!(volume.id)),
        ]);
        Ok(ConnectionInfo { driver_volume_type: "nbd".to_owned(), data })
    }

    async fn unexport(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let _held = self.hold(volume, fence).await?;
        self.daemon.unexport(volume.id, storage_daemon::Clients::Disconnect).await.map(drop)
    }
}

fn bytes(size_gb: i32) -> u64 {
    u64::try_from(size_gb).unwrap_or_default() * BYTES_PER_GB
}

/// Work on files, away from the threads that must not wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(DriverError::failed(panic.to_string())))
}
