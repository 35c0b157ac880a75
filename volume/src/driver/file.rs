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
mod directory;
mod failover;
mod fences;
mod iscsi_targets;
mod mirror;
mod port;
mod processes;
mod qmp;
mod relay;
mod replicas;
mod sparse_copy;
mod storage_daemon;

use super::{Driver, DriverError, Failover, Fence, Replicas, Source, unknown_target};
use array::Array;
use async_trait::async_trait;
use configuration::{BackendConfig, ReplicationDevice, TargetProtocol};
use copy_job::CopyJob;
use directory::Object;
use failover::{Sides, Way};
use model::{
    AttachMode, BackendId, BackendReport, ConnectionInfo, FailedOver, Manageable, PoolReport,
    ReplicationProgress, Side, Snapshot, StoredObject, Volume, VolumeId,
};
use rustix::fs::FlockOperation;
use serde_json::Value;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

const BYTES_PER_GB: u64 = 1 << 30;

/// A backend: its own side, and the sides that it can be served from instead.
pub(super) struct FileDriver {
    name: String,
    config: BackendConfig,
    backend: BackendId,
    own: Arc<Array>,
    targets: Vec<(String, Arc<Array>)>,
    serving: Mutex<Serving>,
}

/// From where the driver serves.
#[derive(Clone, Debug, Default)]
struct Serving {
    /// The side.
    active: Side,
    epoch: i64,
    /// The array's own name: another one in its place is not served.
    array_id: String,
}

impl FileDriver {
    pub fn new(name: &str, config: &BackendConfig, backend: BackendId) -> Self {
        let target = |device: &ReplicationDevice| {
            let array = Array::new(&device.directory, &config.file);
            (device.backend_id.clone(), Arc::new(array))
        };
        Self {
            name: name.to_owned(),
            own: Arc::new(Array::new(&config.file.directory, &config.file)),
            targets: config.replication_device.iter().map(target).collect(),
            config: config.clone(),
            backend,
            serving: Mutex::default(),
        }
    }

    fn serving(&self) -> Serving {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn active(&self) -> Side {
        self.serving().active
    }

    /// Fails when the side does not serve any more, or its array is another one than it was.
    async fn require_serving(&self, array: &Array) -> Result<(), DriverError> {
        let (directory, backend, serving) = (array.directory.clone(), self.backend, self.serving());
        blocking(move || {
            if directory.id()? != serving.array_id {
                return Err(DriverError::failed("the array is another one than it was"));
            }
            directory.require_serving(backend, serving.epoch)
        })
        .await
    }

    /// Opens a data path, if the side still serves.
    async fn open(
        &self,
        array: &Array,
        volume: &Volume,
        mode: AttachMode,
    ) -> Result<ConnectionInfo, DriverError> {
        self.require_serving(array).await?;
        let mirror = self.mirror_of(volume.id, volume.size_gb);
        array.open(volume.id, mode, mirror.as_ref()).await
    }

    /// The sides, but for the one that serves, whose storage cannot be used.
    async fn sides_down(&self) -> Vec<Side> {
        let active = self.active();
        let targets = self.targets.iter().map(|(name, array)| (Side::Target(name.clone()), array));
        let mut down = Vec::new();
        for (side, array) in targets.chain([(Side::Primary, &self.own)]) {
            if side != active && !array.can_be_used(self.config.file.replica_timeout()).await {
                down.push(side);
            }
        }
        down
    }

    /// The array of the side that serves.
    fn array(&self) -> Arc<Array> {
        self.array_of(&self.active()).unwrap_or_else(|_| self.own.clone())
    }

    /// The array of a side.
    fn array_of(&self, side: &Side) -> Result<Arc<Array>, DriverError> {
        let Side::Target(target) = side else { return Ok(self.own.clone()) };
        let found = self.targets.iter().find(|(name, _)| name == target);
        found.map(|(_, array)| array.clone()).ok_or_else(|| unknown_target(side))
    }
}

#[async_trait]
impl Driver for FileDriver {
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        let array = self.array_of(active)?;
        let (directory, backend) = (array.directory.clone(), self.backend);
        let array_id = blocking(move || {
            directory.prepare()?;
            directory.enter(backend, epoch, true)?;
            // what is served is no replica
            directory.forget_replicas()?;
            directory.id()
        })
        .await?;
        array.relay.end().await?;
        array.ensure_data_plane().await?;
        if !active.is_primary() {
            // an attempt to go elsewhere may have left some
            mirror::end_all(&array).await?;
        }
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) =
            Serving { active: active.clone(), epoch, array_id };
        Ok(())
    }

    async fn failover(&self, failover: &Failover<'_>) -> Result<FailedOver, DriverError> {
        let (from, to) = (self.array_of(failover.from)?, self.array_of(failover.target)?);
        let first = self.targets.first().map(|(name, _)| name.as_str());
        let to_first = first.is_some() && failover.target.target() == first;
        let way = if failover.from == failover.target {
            Way::Nowhere
        } else if failover.from.is_primary() && to_first {
            Way::Mirrored
        } else {
            Way::Copying
        };
        Sides { backend: self.backend, from: &from, to: &to, way }.fail_over(failover).await
    }

    async fn failover_completed(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        if active.is_primary() {
            self.disown_targets(epoch).await?;
        }
        self.start(active, epoch).await
    }

    async fn replicate(&self, volumes: &[Volume]) -> Result<Replicas, DriverError> {
        match self.targets.first() {
            Some((name, to)) if self.active().is_primary() => {
                self.require_serving(&self.own).await?;
                let each = self.mirror_all(to, volumes).await?;
                Ok(Replicas { driver_data: Some(name.clone()), each })
            }
            Some(_) | None => Ok(Replicas::default()),
        }
    }

    /// An array is the same in every part that it plays.
    async fn promoted(&self, _volumes: &[Volume]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn storage_id(&self, side: &Side) -> Result<Option<String>, DriverError> {
        let directory = self.array_of(side)?.directory.clone();
        blocking(move || directory.id()).await.map(Some)
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let array = self.array();
        let directory = array.directory.clone();
        let room = blocking(move || directory.room()).await?;
        let gigabytes = |bytes: u64| bytes as f64 / BYTES_PER_GB as f64;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: "cinderblock".to_owned(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: match array.protocol {
                TargetProtocol::Nbd => "nbd".to_owned(),
                TargetProtocol::Iscsi => "iSCSI".to_owned(),
            },
            online_extend_support: false,
            // tgtd cannot keep a moment while servers write
            online_snapshot_support: array.protocol == TargetProtocol::Nbd,
            multiattach: true,
            replication_enabled: !self.targets.is_empty() && self.active().is_primary(),
            replication: ReplicationProgress::default(),
            replication_targets: self.config.targets(),
            sides_down: self.sides_down().await,
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
        let array = self.array();
        let object = Object::Volume(volume.id);
        let _held = array.hold(object, fence).await?;
        let (directory, size) = (array.directory.clone(), bytes(volume.size_gb));
        blocking(move || directory.create(object, size)).await
    }

    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let array = self.array();
        let object = Object::Volume(volume.id);
        let _held = array.hold(object, fence).await?;
        self.stop_mirror(volume).await?;
        array.close(volume.id).await?;
        let directory = array.directory.clone();
        blocking(move || directory.delete(object)).await?;
        self.delete_replicas(object).await;
        Ok(())
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        let object = Object::Volume(volume.id);
        let _held = array.hold(object, fence).await?;
        self.stop_mirror(volume).await?;
        // neither daemon sees a file grow under an open export, so it is opened again; a client
        // that is connected keeps it from being closed, and the volume stays as it is
        let was_open = array.close_unused(volume.id).await?;
        let (directory, size) = (array.directory.clone(), bytes(size_gb));
        let grown = blocking(move || directory.extend(object, size)).await;
        array.open_again(volume.id, was_open).await?;
        grown
    }

    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: Source<'_>,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        let target = Object::Volume(volume.id);
        let (source, mirror) = match source {
            Source::Snapshot(snapshot) => (Object::Snapshot(snapshot.id), None),
            Source::Volume(volume) => {
                (Object::Volume(volume.id), self.mirror_of(volume.id, volume.size_gb))
            }
        };
        let _held = array.hold(target, fence).await?;
        array.copy(source, target, bytes(volume.size_gb), mirror).await
    }

    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        let target = Object::Volume(volume.id);
        let _held = array.hold(target, fence).await?;
        let Some(uri) = nbd_uri(connection) else {
            let protocol = &connection.driver_volume_type;
            return Err(DriverError::failed(format!("a volume cannot be read over {protocol}")));
        };
        if array.is_here(connection)? {
            return Err(DriverError::failed("source and destination are the same array"));
        }
        let (directory, size) = (array.directory.clone(), bytes(volume.size_gb));
        blocking(move || directory.prepare_copy(target, size)).await?;
        let copy = CopyJob::of_export(&array.daemon, uri, volume.id)?;
        copy.carry_out(&array.directory.unfinished(target)).await?;
        let directory = array.directory.clone();
        blocking(move || directory.finish_copy(target, size)).await
    }

    async fn discard_import(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        // what is here of this name may be the volume itself
        if array.is_here(connection)? { Ok(()) } else { self.delete_volume(volume, fence).await }
    }

    /// The mirror begins anew if the new type asks for one.
    async fn retype_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let _held = self.array().hold(Object::Volume(volume.id), fence).await?;
        self.stop_mirror(volume).await
    }

    async fn create_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let array = self.array();
        let target = Object::Snapshot(snapshot.id);
        let _held = array.hold(target, fence).await?;
        let mirror = self.mirror_of(snapshot.volume_id, snapshot.size_gb);
        array
            .copy(Object::Volume(snapshot.volume_id), target, bytes(snapshot.size_gb), mirror)
            .await
    }

    async fn delete_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let array = self.array();
        let object = Object::Snapshot(snapshot.id);
        let _held = array.hold(object, fence).await?;
        let directory = array.directory.clone();
        blocking(move || directory.delete(object)).await
    }

    async fn revert_volume(
        &self,
        volume: &Volume,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        let target = Object::Volume(volume.id);
        let _held = array.hold(target, fence).await?;
        self.stop_mirror(volume).await?;
        let was_open = array.close_unused(volume.id).await?;
        let size = bytes(volume.size_gb);
        let reverted = array.copy(Object::Snapshot(snapshot.id), target, size, None).await;
        array.open_again(volume.id, was_open).await?;
        reverted
    }

    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError> {
        let array = self.array();
        let directory = array.directory.clone();
        blocking(move || directory.list(what)).await
    }

    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        let object = Object::Volume(volume.id);
        array.adopt(object, source_name, bytes(volume.size_gb), fence).await
    }

    async fn unmanage_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let array = self.array();
        let _held = array.hold(Object::Volume(volume.id), fence).await?;
        self.stop_mirror(volume).await?;
        array.close(volume.id).await
    }

    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        let object = Object::Snapshot(snapshot.id);
        array.adopt(object, source_name, bytes(snapshot.size_gb), fence).await
    }

    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        let array = self.array();
        // not while it is copied without the daemon
        let _held = array.hold(Object::Volume(volume.id), fence).await?;
        self.open(&array, volume, mode).await
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.array();
        match array.protocol {
            TargetProtocol::Nbd => array.daemon.unexport(volume.id, mode).await,
            TargetProtocol::Iscsi => array.targets.unexport(volume.id, mode).await,
        }
    }

    async fn open_for_import(
        &self,
        volume: &Volume,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        let array = self.array();
        let _held = array.hold(Object::Volume(volume.id), fence).await?;
        self.require_serving(&array).await?;
        // nobody writes
        array.open_nbd(volume.id, AttachMode::ReadOnly, None).await
    }

    async fn close_after_import(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        let array = self.array();
        array.daemon.unexport(volume.id, AttachMode::ReadOnly).await
    }

    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        let array = self.array();
        self.require_serving(&array).await?;
        let was_started = array.ensure_data_plane().await?;
        // a failover may have ended it meanwhile
        if let Err(left) = self.require_serving(&array).await {
            array.daemon.end().await?;
            return Err(left);
        }
        Ok(was_started)
    }

    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError> {
        let array = self.array();
        let _kept = array.share(Object::Volume(volume.id)).await?;
        self.open(&array, volume, mode).await.map(drop)
    }
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

/// A lock on a file, until it is dropped; waits for it, but not for ever: whoever has it may sleep.
fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    fences::wait_for(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}
