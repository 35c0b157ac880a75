//! Volumes and snapshots: images of a pool, and snapshots of images.

use crate::clones::{self, Source};
use crate::rbd_driver::RbdDriver;
use crate::sides::Serving;
use crate::{capacity, copies, images, mirror, names, records, trash, watchers};
use driver::sizes::{bytes, gibibytes};
use driver::{CloneSource, DriverError, Fence, Volumes};
use model::{
    BackendReport, PoolReport, ReplicationMode, ReplicationProgress, Side, Snapshot, Volume,
};

#[driver::async_trait]
impl Volumes for RbdDriver {
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        let cluster = self.sides.of(active)?;
        records::enter_epoch(&cluster, self.backend, epoch).await?;
        self.sides.set_serving(Serving { active: active.clone(), epoch });
        self.forget_sides();
        Ok(())
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let cluster = self.sides.active_cluster();
        let room = capacity::room(&cluster).await?;
        let provisioned = self.known_sizes().lock().await.provisioned(&cluster).await?;
        trash::empty_for_a_while(&cluster).await;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: self.config.vendor_name.clone(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: "ceph".to_owned(),
            online_extend_support: true,
            online_snapshot_support: true,
            multiattach: true,
            replication_enabled: !self.sides.targets.is_empty() && self.sides.active().is_primary(),
            replication: ReplicationProgress::default(),
            capabilities: Vec::new(),
            replication_targets: self.config.targets(),
            replication_mode: Some(ReplicationMode::Asynchronous),
            sides_down: self.sides.down().await,
            pools: vec![PoolReport {
                name: cluster.pool.clone(),
                total_capacity_gb: gibibytes(room.total),
                free_capacity_gb: gibibytes(room.free),
                provisioned_capacity_gb: gibibytes(provisioned.bytes),
                max_over_subscription_ratio: self.config.max_over_subscription_ratio,
                reserved_percentage: self.config.reserved_percentage,
                thin_provisioning_support: true,
                total_volumes: provisioned.volumes,
            }],
        })
    }

    async fn create_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let (image, size) = (names::image(volume.id), bytes(volume.size_gb));
        images::create(&cluster, &image, size, self.making(volume)).await?;
        self.known_sizes().lock().await.remember(image, size);
        Ok(())
    }

    async fn delete_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let image = names::image(volume.id);
        images::remove(&cluster, &image).await?;
        images::remove(&cluster, &names::unfinished(&image)).await?;
        if volume.replicated {
            self.remove_copies(&image).await;
        }
        Ok(())
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let (image, size) = (names::image(volume.id), bytes(size_gb));
        images::grow(&cluster, &image, size).await?;
        self.known_sizes().lock().await.remember(image, size);
        Ok(())
    }

    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let source = match source {
            CloneSource::Snapshot(snapshot) => Source::Snapshot {
                image: names::image(snapshot.volume_id),
                snapshot: names::snapshot(snapshot.id),
            },
            CloneSource::Volume(source) => Source::Image(names::image(source.id)),
        };
        let size = bytes(volume.size_gb);
        let flattening = self.flattening(volume, &source);
        clones::make(&cluster, volume.id, &source, size, flattening).await?;
        self.known_sizes().lock().await.remember(names::image(volume.id), size);
        Ok(())
    }

    /// Mirroring begins with the next look, if the new type asks for it.
    async fn retype_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let image = names::image(volume.id);
        let info = images::info(&cluster, &image).await?;
        if !volume.replicated && mirror::of(info.as_ref()).is_some_and(|one| one.primary) {
            // a copy that is not kept up to date would pass for one that is
            mirror::disable(&cluster, &image).await?;
            self.remove_copies(&image).await;
        }
        Ok(())
    }

    async fn create_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, snapshot.id, fence).await?;
        let (image, name) = (names::image(snapshot.volume_id), names::snapshot(snapshot.id));
        Ok(images::create_snapshot(&cluster, &image, &name).await?)
    }

    async fn delete_snapshot(&self, snapshot: &Snapshot, fence: Fence) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, snapshot.id, fence).await?;
        let (image, name) = (names::image(snapshot.volume_id), names::snapshot(snapshot.id));
        Ok(images::remove_snapshot(&cluster, &image, &name).await?)
    }

    async fn revert_volume(
        &self,
        volume: &Volume,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        let (image, name) = (names::image(volume.id), names::snapshot(snapshot.id));
        // the cluster would do it under whoever writes
        if !watchers::of(&cluster, &image).await?.is_empty() {
            return Err(DriverError::failed("the volume is in use"));
        }
        let command = ["snap", "rollback", "--image", &image, "--snap", &name, "--no-progress"];
        cluster.rbd_over_data(&command).await?;
        // it has the size, too, that it had then
        Ok(images::grow(&cluster, &image, bytes(volume.size_gb)).await?)
    }
}

impl RbdDriver {
    /// Removes what the other sides that answer have of a volume that is removed.
    async fn remove_copies(&self, image: &str) {
        let active = self.sides.active();
        for (side, cluster) in self.sides.all().filter(|(side, _)| *side != active) {
            let removed = match cluster.answers().await {
                true => copies::remove(cluster, image).await,
                false => Err(DriverError::failed("it does not answer")),
            };
            if let Err(error) = removed {
                tracing::warn!(image, %side, %error, "its copy is left there");
            }
        }
    }
}
