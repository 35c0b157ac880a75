//! `file`: raw sparse files in a directory, exported over NBD by qemu-storage-daemon or over iSCSI by
//! tgtd.
//!
//! The directory with its daemons is an *array* ([`array`]). The daemons ([`storage_daemon`],
//! [`iscsi_targets`]) are processes of their own: data paths stay open while the worker restarts. Needs
//! no privileges.

mod array;
mod chap;
mod copy_job;
#[cfg(test)]
mod data_path;
mod fences;
mod iscsi_targets;
mod port;
mod qmp;
mod sparse_copy;
mod storage_daemon;

use super::{Driver, DriverError, Failover, Fence, Source, unknown_target};
use array::{Array, Object};
use async_trait::async_trait;
use common::config::{BackendConfig, TargetProtocol};
use common::db::operation_log::FailedOver;
use common::model::{
    AttachMode, BackendReport, ConnectionInfo, Manageable, PoolReport, Snapshot, StoredObject,
    Volume, VolumeId,
};
use copy_job::CopyJob;
use fences::Held;
use iscsi_targets::{IscsiTargets, LUN, Login};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use sparse_copy::SparseCopy;
use std::fs::File;
use std::io;
use std::path::Path;
use storage_daemon::StorageDaemon;

const BYTES_PER_GB: u64 = 1 << 30;

/// A backend on one array.
pub(super) struct FileDriver {
    name: String,
    config: BackendConfig,
    array: Array,
    daemon: StorageDaemon,
    targets: IscsiTargets,
}

impl FileDriver {
    pub fn new(name: &str, config: &BackendConfig) -> Self {
        let array = Array::new(&config.file.directory);
        let daemon = StorageDaemon::new(&array, &config.file);
        let targets = IscsiTargets::new(&array, &config.file);
        Self { name: name.to_owned(), config: config.clone(), array, daemon, targets }
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

    /// Opens a data path, unless it is open, and tells how to reach it.
    async fn open(&self, id: VolumeId, mode: AttachMode) -> Result<ConnectionInfo, DriverError> {
        match self.config.file.target_protocol {
            TargetProtocol::Nbd => self.open_nbd(id, mode).await,
            TargetProtocol::Iscsi => Ok(iscsi_info(id, &self.targets.export(id, mode).await?)),
        }
    }

    async fn open_nbd(
        &self,
        id: VolumeId,
        mode: AttachMode,
    ) -> Result<ConnectionInfo, DriverError> {
        let data = json!({
            "uri": self.daemon.export(id, mode).await?,
            "volume_id": id,
            "array_id": self.array.id()?,
        });
        Ok(connection_info("nbd", data))
    }

    /// Closes everything that is open of a volume and returns what was; fails, and closes nothing that is
    /// in use, when a server is connected.
    async fn close_unused(&self, id: VolumeId) -> Result<Vec<AttachMode>, DriverError> {
        match self.config.file.target_protocol {
            TargetProtocol::Nbd => self.daemon.close_unused(id).await,
            TargetProtocol::Iscsi => self.targets.close_unused(id).await,
        }
    }

    /// Closes everything that is open of a volume, whoever uses it.
    async fn close(&self, id: VolumeId) -> Result<(), DriverError> {
        self.daemon.close(id).await?;
        match self.config.file.target_protocol {
            TargetProtocol::Nbd => Ok(()),
            TargetProtocol::Iscsi => self.targets.close(id).await,
        }
    }

    /// Makes a file of this name an object.
    async fn adopt(
        &self,
        object: Object,
        name: &str,
        size: u64,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let _held = self.hold(object, fence).await?;
        let (array, name) = (self.array.clone(), name.to_owned());
        blocking(move || array.adopt(object, &name, size)).await
    }

    async fn open_again(&self, id: VolumeId, modes: Vec<AttachMode>) -> Result<(), DriverError> {
        for mode in modes {
            self.open(id, mode).await?;
        }
        Ok(())
    }

    /// Whether a data path leads to this array.
    fn is_here(&self, connection: &ConnectionInfo) -> Result<bool, DriverError> {
        Ok(connection.data.get("array_id") == Some(&json!(self.array.id()?)))
    }
}

#[async_trait]
impl Driver for FileDriver {
    async fn start(&self, active: Option<&str>) -> Result<(), DriverError> {
        self.failover_completed(active).await?;
        let array = self.array.clone();
        blocking(move || array.prepare()).await?;
        self.ensure_data_plane().await.map(drop)
    }

    async fn failover(&self, _failover: &Failover<'_>) -> Result<FailedOver, DriverError> {
        Err(DriverError::failed("not replicated"))
    }

    async fn failover_completed(&self, active: Option<&str>) -> Result<(), DriverError> {
        active.map_or(Ok(()), |target| Err(unknown_target(target)))
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let array = self.array.clone();
        let room = blocking(move || array.room()).await?;
        let gigabytes = |bytes: u64| bytes as f64 / BYTES_PER_GB as f64;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: "cinderblock".to_owned(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: match self.config.file.target_protocol {
                TargetProtocol::Nbd => "nbd".to_owned(),
                TargetProtocol::Iscsi => "iSCSI".to_owned(),
            },
            online_extend_support: false,
            // tgtd cannot keep a moment while servers write
            online_snapshot_support: self.config.file.target_protocol == TargetProtocol::Nbd,
            multiattach: true,
            replication_enabled: false,
            replication_targets: self.config.targets(),
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
        self.close(volume.id).await?;
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
        // neither daemon sees a file grow under an open export, so it is opened again; a client
        // that is connected keeps it from being closed, and the volume stays as it is
        let was_open = self.close_unused(volume.id).await?;
        let (array, size) = (self.array.clone(), bytes(size_gb));
        let grown = blocking(move || array.extend(object, size)).await;
        self.open_again(volume.id, was_open).await?;
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
        let was_open = self.close_unused(volume.id).await?;
        let size = bytes(volume.size_gb);
        let reverted = self.copy(Object::Snapshot(snapshot.id), target, size).await;
        self.open_again(volume.id, was_open).await?;
        reverted
    }

    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError> {
        let array = self.array.clone();
        blocking(move || array.list(what)).await
    }

    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let object = Object::Volume(volume.id);
        self.adopt(object, source_name, bytes(volume.size_gb), fence).await
    }

    async fn unmanage_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let _held = self.hold(Object::Volume(volume.id), fence).await?;
        self.close(volume.id).await
    }

    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let object = Object::Snapshot(snapshot.id);
        self.adopt(object, source_name, bytes(snapshot.size_gb), fence).await
    }

    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        // not while it is copied without the daemon
        let _held = self.hold(Object::Volume(volume.id), fence).await?;
        self.open(volume.id, mode).await
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        match self.config.file.target_protocol {
            TargetProtocol::Nbd => self.daemon.unexport(volume.id, mode).await,
            TargetProtocol::Iscsi => self.targets.unexport(volume.id, mode).await,
        }
    }

    async fn open_for_import(
        &self,
        volume: &Volume,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        let _held = self.hold(Object::Volume(volume.id), fence).await?;
        self.open_nbd(volume.id, AttachMode::ReadOnly).await
    }

    async fn close_after_import(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.daemon.unexport(volume.id, AttachMode::ReadOnly).await
    }

    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        let daemon_started = self.daemon.ensure_running().await?;
        match self.config.file.target_protocol {
            TargetProtocol::Nbd => Ok(daemon_started),
            TargetProtocol::Iscsi => self.targets.ensure_running().await,
        }
    }

    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError> {
        let _kept = self.share(Object::Volume(volume.id)).await?;
        self.open(volume.id, mode).await.map(drop)
    }
}

fn iscsi_info(id: VolumeId, login: &Login) -> ConnectionInfo {
    let data = json!({
        "target_discovered": false,
        "target_portal": login.portal,
        "target_iqn": login.iqn,
        "target_lun": LUN,
        "volume_id": id,
        "auth_method": "CHAP",
        "auth_username": login.chap.name,
        "auth_password": login.chap.secret,
    });
    connection_info("iscsi", data)
}

fn connection_info(protocol: &str, data: Value) -> ConnectionInfo {
    let data = data.as_object().cloned().unwrap_or_default();
    ConnectionInfo { driver_volume_type: protocol.to_owned(), data }
}

fn nbd_uri(connection: &ConnectionInfo) -> Option<&str> {
    let is_nbd = connection.driver_volume_type == "nbd";
    connection.data.get("uri").and_then(Value::as_str).filter(|_| is_nbd)
}

/// What an export is called, by the daemon and by its clients.
fn export_name(id: VolumeId, mode: AttachMode) -> String {
    match mode {
        AttachMode::ReadWrite => format!("volume-{id}"),
        AttachMode::ReadOnly => format!("volume-{id}-ro"),
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

/// A lock on a file, until it is dropped; waits for it.
fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}
