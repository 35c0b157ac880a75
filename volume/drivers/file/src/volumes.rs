//! Volumes and snapshots: files of an array.

use crate::arrays::ActiveArray;
use crate::blocking::blocking;
use crate::copy::copy;
use crate::data_paths::open_again;
use crate::file_driver::FileDriver;
use crate::object::Object;
use crate::{mirror, replicas};
use configuration::TargetProtocol;
use driver::sizes::{bytes, gibibytes};
use driver::{CloneSource, DriverError, Fence, Volumes};
use model::{
    BackendReport, PoolReport, ReplicationMode, ReplicationProgress, Side, Snapshot, Volume,
};

#[driver::async_trait]
impl Volumes for FileDriver {
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        let array = self.arrays.of(active)?;
        let (directory, backend) = (array.directory.clone(), self.arrays.backend);
        let array_id = blocking(move || {
            directory.prepare()?;
            directory.record_epoch(backend, epoch, true)?;
            // what is served is no replica
            directory.clear_in_sync_marks()?;
            directory.id()
        })
        .await?;
        array.end_relay().await?;
        array.ensure_data_plane().await?;
        if !active.is_primary() {
            // an attempt to go elsewhere may have left some
            mirror::end_all(&array).await?;
        }
        self.arrays.set_serving(ActiveArray { active: active.clone(), epoch, array_id });
        Ok(())
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let array = self.arrays.active_array();
        let directory = array.directory.clone();
        let capacity = blocking(move || directory.capacity()).await?;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: self.config.vendor_name.clone(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: match array.protocol {
                TargetProtocol::Nbd => "nbd".to_owned(),
                TargetProtocol::Iscsi => "iSCSI".to_owned(),
            },
            online_extend_support: false,
            // tgtd cannot keep a moment while servers write
            online_snapshot_support: array.protocol == TargetProtocol::Nbd,
            multiattach: true,
            replication_enabled: !self.arrays.targets.is_empty()
                && self.arrays.active().is_primary(),
            replication: ReplicationProgress::default(),
            capabilities: Vec::new(),
            replication_targets: self.config.targets(),
            replication_mode: Some(ReplicationMode::Synchronous),
            sides_down: self.arrays.sides_down().await,
            pools: vec![PoolReport {
                name: self.name.clone(),
                total_capacity_gb: gibibytes(capacity.total),
                free_capacity_gb: gibibytes(capacity.free),
                provisioned_capacity_gb: gibibytes(capacity.provisioned),
                max_over_subscription_ratio: self.config.max_over_subscription_ratio,
                reserved_percentage: self.config.reserved_percentage,
                thin_provisioning_support: true,
                total_volumes: capacity.volumes,
            }],
        })
    }

    async fn create_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let object = Object::Volume(volume.id);
        let _held = array.lock_exclusive(object, fence).await?;
        let (directory, size) = (array.directory.clone(), bytes(volume.size_gb));
        blocking(move || directory.create(object, size)).await
    }

    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let object = Object::Volume(volume.id);
        let _held = array.lock_exclusive(object, fence).await?;
        replicas::stop_mirror(&self.arrays, volume).await?;
        array.close(volume.id).await?;
        let directory = array.directory.clone();
        blocking(move || directory.delete(object)).await?;
        replicas::delete(&self.arrays, object).await;
        Ok(())
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let object = Object::Volume(volume.id);
        let _held = array.lock_exclusive(object, fence).await?;
        replicas::stop_mirror(&self.arrays, volume).await?;
        // neither daemon sees a file grow under an open export, so it is opened again; a client
        // that is connected keeps it from being closed, and the volume stays as it is
        let was_open = array.close_unused(volume.id).await?;
        let (directory, size) = (array.directory.clone(), bytes(size_gb));
        let grown = blocking(move || directory.extend(object, size)).await;
        open_again(&array, volume.id, was_open).await?;
        grown
    }

    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let target = Object::Volume(volume.id);
        let (source, mirror) = match source {
            CloneSource::Snapshot(snapshot) => (Object::Snapshot(snapshot.id), None),
            CloneSource::Volume(volume) => (
                Object::Volume(volume.id),
                replicas::mirror_of(&self.arrays, volume.id, volume.size_gb),
            ),
        };
        let _held = array.lock_exclusive(target, fence).await?;
        copy(&array, source, target, bytes(volume.size_gb), mirror).await
    }

    /// The mirror restarts if the new type asks for one.
    async fn retype_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let _held =
            self.arrays.active_array().lock_exclusive(Object::Volume(volume.id), fence).await?;
        replicas::stop_mirror(&self.arrays, volume).await
    }

    async fn create_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let target = Object::Snapshot(snapshot.id);
        let _held = array.lock_exclusive(target, fence).await?;
        let mirror = replicas::mirror_of(&self.arrays, snapshot.volume_id, snapshot.size_gb);
        copy(&array, Object::Volume(snapshot.volume_id), target, bytes(snapshot.size_gb), mirror)
            .await
    }

    async fn delete_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let object = Object::Snapshot(snapshot.id);
        let _held = array.lock_exclusive(object, fence).await?;
        let directory = array.directory.clone();
        blocking(move || directory.delete(object)).await
    }

    async fn revert_volume(
        &self,
        volume: &Volume,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let array = self.arrays.active_array();
        let target = Object::Volume(volume.id);
        let _held = array.lock_exclusive(target, fence).await?;
        replicas::stop_mirror(&self.arrays, volume).await?;
        let was_open = array.close_unused(volume.id).await?;
        let size = bytes(volume.size_gb);
        let reverted = copy(&array, Object::Snapshot(snapshot.id), target, size, None).await;
        open_again(&array, volume.id, was_open).await?;
        reverted
    }
}
