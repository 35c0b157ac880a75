//! Volumes and snapshots in memory.

use crate::memory::FakeDriver;
use driver::{CloneSource, DriverError, Fence, Replication, Volumes};
use model::{
    BackendReport, PoolReport, ReplicationMode, ReplicationProgress, Side, Snapshot, Volume,
};

#[driver::async_trait]
impl Volumes for FakeDriver {
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        self.failover_completed(active, epoch).await
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let memory = self.memory();
        let provisioned: f64 = memory.volumes.values().copied().map(f64::from).sum();
        let capacity = self.config.fake.capacity_gb;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: self.config.vendor_name.clone(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: "fake".to_owned(),
            online_extend_support: true,
            online_snapshot_support: true,
            multiattach: true,
            replication_enabled: !self.config.replication_device.is_empty()
                && memory.active.is_primary(),
            replication_targets: self.config.targets(),
            replication_mode: Some(ReplicationMode::Synchronous),
            sides_down: self
                .config
                .fake
                .targets_down
                .iter()
                .map(|name| Side::named(name))
                .collect(),
            replication: ReplicationProgress::default(),
            capabilities: Vec::new(),
            pools: vec![PoolReport {
                name: self.name.clone(),
                total_capacity_gb: capacity,
                free_capacity_gb: capacity,
                provisioned_capacity_gb: provisioned,
                max_over_subscription_ratio: self.config.max_over_subscription_ratio,
                reserved_percentage: self.config.reserved_percentage,
                thin_provisioning_support: true,
                total_volumes: memory.volumes.len() as u64,
            }],
        })
    }

    async fn create_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("create_volume", &volume.metadata).await?;
        self.memory().volumes.insert(volume.id, volume.size_gb);
        Ok(())
    }

    async fn delete_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("delete_volume", &volume.metadata).await?;
        self.memory().volumes.remove(&volume.id);
        Ok(())
    }

    async fn extend_volume(
        &self,
        volume: &Volume,
        size_gb: i32,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("extend_volume", &volume.metadata).await?;
        self.memory().volumes.insert(volume.id, size_gb);
        Ok(())
    }

    async fn create_volume_like(
        &self,
        volume: &Volume,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let is_there = match source {
            CloneSource::Snapshot(snapshot) => self.memory().snapshots.contains(&snapshot.id),
            CloneSource::Volume(source) => self.memory().volumes.contains_key(&source.id),
        };
        // memory is lost with the process, so what is not there may have been
        if !is_there {
            tracing::debug!(volume.id = %volume.id, "the source is not in memory");
        }
        self.create_volume(volume, fence).await
    }

    async fn retype_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("retype_volume", &volume.metadata).await
    }

    async fn create_snapshot(&self, snapshot: &Snapshot, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("create_snapshot", &snapshot.metadata).await?;
        self.memory().snapshots.insert(snapshot.id);
        Ok(())
    }

    async fn delete_snapshot(&self, snapshot: &Snapshot, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("delete_snapshot", &snapshot.metadata).await?;
        self.memory().snapshots.remove(&snapshot.id);
        Ok(())
    }

    async fn revert_volume(
        &self,
        volume: &Volume,
        _snapshot: &Snapshot,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("revert_volume", &volume.metadata).await
    }
}
