//! `file`: raw sparse files in a directory, exported by qemu-storage-daemon.
//!
//! The directory with its daemon is an *array* ([`array`]). The daemon ([`storage_daemon`]) is a
//! process of its own: data paths stay open while the worker restarts. Needs no privileges.

mod array;
mod copy_job;
#[cfg(test)]
mod data_path;
mod fences;
mod qmp;
mod sparse_copy;
mod storage_daemon;

use super::{Driver, DriverError, Fence, Source};
use array::{Array, Object};
use async_trait::async_trait;
use common::config::BackendConfig;
use common::model::{AttachMode, BackendReport, ConnectionInfo, PoolReport, Snapshot, Volume};
use copy_job::CopyJob;
use fences::Held;
use serde_json::{Map, Value, json};
use sparse_copy::SparseCopy;
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

    /// Keeps every other worker away from an object while the result lives.
    async fn hold(&self, object: Object, fence: Fence) -> Result<Held, DriverError> {
        let file = self.array.fence_file(object);
        blocking(move || fences::hold(&file, fence)).await
    }

    /// Keeps an object as it is while the result lives.
    async fn share(&self, object: Object) -> Result<Held, DriverError> {
        let file = self.array.fence_file(object);
        blocking(move || fences::share(&file)).await
    }

    /// Gives `target` the content of `source` at the moment when the copy begins, and `size` bytes.
    async fn copy(&self, source: Object, target: Object, size: u64) -> Result<(), DriverError> {
        let _kept = self.share(source).await?;
        let (array, cloned) = (self.array.clone(), (source, target));
        if blocking(move || array.reflink(cloned.0, cloned.1, size)).await? {
            return Ok(());
        }
        match source {
            // servers may write meanwhile: the daemon copies what is overwritten before it is
            Object::Volume(id) if self.daemon.is_exported(id).await? => {
                let array = self.array.clone();
                blocking(move || array.prepare_copy(target, array.size(source)?)).await?;
                CopyJob::of_open_volume(&self.daemon, id, target)
                    .carry_out(&self.array.unfinished(target))
                    .await?;
            }
            Object::Volume(_) | Object::Snapshot(_) => {
                let copy = SparseCopy::new(&self.array, source, target);
                copy.carry_out().await?;
            }
        }
        let array = self.array.clone();
        blocking(move || array.finish_copy(target, size)).await
    }

    fn info(&self, volume: &Volume, uri: &str) -> Result<ConnectionInfo, DriverError> {
        let data = Map::from_iter([
            ("uri".to_owned(), json!(uri)),
            ("volume_id".to_owned(), json!(volume.id)),
            ("array_id".to_owned(), json!(self.array.id()?)),
        ]);
        Ok(ConnectionInfo { driver_volume_type: "nbd".to_owned(), data })
    }

    /// Whether a data path leads to this array.
    fn is_here(&self, connection: &ConnectionInfo) -> Result<bool, DriverError> {
        Ok(connection.data.get("array_id") == Some(&json!(self.array.id()?)))
    }
}

#[async_trait]
impl Driver for FileDriver {
    async fn start(&self) -> Result<(), DriverError> {
        let array = self.array.clone();
        blocking(move || array.prepare()).await?;
        self.daemon.ensure_running().await.map(drop)
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let array = self.array.clone();
        let room = blocking(move || array.room()).await?;
        let gigabytes = |bytes: u64| bytes as f64 / BYTES_PER_GB as f64;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: "cinderblock".to_owned(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: "nbd".to_owned(),
            online_extend_support: false,
            online_snapshot_support: true,
            multiattach: true,
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
        let object = Object::Volume(volume.id);
        let _held = self.hold(object, fence).await?;
        let (array, size) = (self.array.clone(), bytes(volume.size_gb));
        blocking(move || array.create(object, size)).await
    }

    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let object = Object::Volume(volume.id);
        let _held = self.hold(object, fence).await?;
        self.daemon.close(volume.id).await?;
        let array = self.array.clone();
        blocking(move || array.delete(object)).await
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let object = Object::Volume(volume.id);
        let _held = self.hold(object, fence).await?;
        // the daemon does not see a file grow under an open export, so it is opened again; a client
        // that is connected keeps it from being closed, and the volume stays as it is
        let was_open = self.daemon.close_unused(volume.id).await?;
        let (array, size) = (self.array.clone(), bytes(size_gb));
        let grown = blocking(move || array.extend(object, size)).await;
        for mode in was_open {
            self.daemon.export(volume.id, mode).await?;
        }
        grown
    }

    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: Source<'_>,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let target = Object::Volume(volume.id);
        let source = match source {
            Source::Snapshot(snapshot) => Object::Snapshot(snapshot.id),
            Source::Volume(volume) => Object::Volume(volume.id),
        };
        let _held = self.hold(target, fence).await?;
        self.copy(source, target, bytes(volume.size_gb)).await
    }

    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let target = Object::Volume(volume.id);
        let _held = self.hold(target, fence).await?;
        let Some(uri) = nbd_uri(connection) else {
            let protocol = &connection.driver_volume_type;
            return Err(DriverError::failed(format!("a volume cannot be read over {protocol}")));
        };
        if self.is_here(connection)? {
            return Err(DriverError::failed("source and destination are the same array"));
        }
        let (array, size) = (self.array.clone(), bytes(volume.size_gb));
        blocking(move || array.prepare_copy(target, size)).await?;
        let copy = CopyJob::of_export(&self.daemon, uri, volume.id)?;
        copy.carry_out(&self.array.unfinished(target)).await?;
        let array = self.array.clone();
        blocking(move || array.finish_copy(target, size)).await
    }

    async fn discard_import(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        // what is here of this name may be the volume itself
        if self.is_here(connection)? { Ok(()) } else { self.delete_volume(volume, fence).await }
    }

    async fn retype_volume(&self, _volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        Ok(())
    }

    async fn create_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let target = Object::Snapshot(snapshot.id);
        let _held = self.hold(target, fence).await?;
        self.copy(Object::Volume(snapshot.volume_id), target, bytes(snapshot.size_gb)).await
    }

    async fn delete_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let object = Object::Snapshot(snapshot.id);
        let _held = self.hold(object, fence).await?;
        let array = self.array.clone();
        blocking(move || array.delete(object)).await
    }

    async fn revert_volume(
        &self,
        volume: &Volume,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let target = Object::Volume(volume.id);
        let _held = self.hold(target, fence).await?;
        let was_open = self.daemon.close_unused(volume.id).await?;
        let size = bytes(volume.size_gb);
        let reverted = self.copy(Object::Snapshot(snapshot.id), target, size).await;
        for mode in was_open {
            self.daemon.export(volume.id, mode).await?;
        }
        reverted
    }

    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        // not while it is copied without the daemon
        let _held = self.hold(Object::Volume(volume.id), fence).await?;
        let uri = self.daemon.export(volume.id, mode).await?;
        self.info(volume, &uri)
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.daemon.unexport(volume.id, mode).await
    }

    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        self.daemon.ensure_running().await
    }

    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError> {
        let _kept = self.share(Object::Volume(volume.id)).await?;
        self.daemon.export(volume.id, mode).await.map(drop)
    }
}

fn nbd_uri(connection: &ConnectionInfo) -> Option<&str> {
    let is_nbd = connection.driver_volume_type == "nbd";
    connection.data.get("uri").and_then(Value::as_str).filter(|_| is_nbd)
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
