//! `fake`: nothing but memory, for load and fault tests.
//!
//! A volume's metadata says what shall go wrong with it:
//!
//! | key | effect |
//! |---|---|
//! | `fake:fail` | calls of the driver method named here fail (several: separated by commas) |
//! | `fake:fail` = `failover` | the volume does not move; with `failover_backend`, no volume of its backend does |
//! | `fake:fail` = `replicate` | its replica lacks something |
//! | `fake:latency_ms` | each call takes so long, instead of the configured time |

use super::{Driver, DriverError, Failover, Fence, Replica, Replicas, Source, unknown_target};
use async_trait::async_trait;
use configuration::BackendConfig;
use model::{
    AttachMode, BackendReport, ConnectionInfo, FailedOver, Fate, Manageable, Metadata, PoolReport,
    ReplicationProgress, Side, Snapshot, SnapshotId, StoredObject, Volume, VolumeFate, VolumeId,
};
use serde_json::{Map, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A backend that pretends.
pub(super) struct FakeDriver {
    name: String,
    config: BackendConfig,
    memory: Mutex<Memory>,
}

/// All that there is.
#[derive(Default)]
struct Memory {
    /// The sizes of the volumes, in GiB.
    volumes: HashMap<VolumeId, i32>,
    snapshots: HashSet<SnapshotId>,
    exports: HashSet<(VolumeId, AttachMode)>,
    /// The side that serves.
    active: Side,
}

impl FakeDriver {
    pub fn new(name: &str, config: &BackendConfig) -> Self {
        Self { name: name.to_owned(), config: config.clone(), memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the time, and fails if it shall.
    async fn pretend(&self, method: &str, metadata: &Metadata) -> Result<(), DriverError> {
        let latency = metadata.get("fake:latency_ms").and_then(|text| text.parse().ok());
        let latency = Duration::from_millis(latency.unwrap_or(self.config.fake.latency_ms));
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if is_failing(metadata, method) {
            return Err(DriverError::failed(format!("{method} fails because fake:fail says so")));
        }
        Ok(())
    }
}

/// Whether a method shall fail for something with this metadata.
fn is_failing(metadata: &Metadata, method: &str) -> bool {
    let failing = metadata.get("fake:fail");
    failing.is_some_and(|methods| methods.split(',').any(|failing| failing == method))
}

fn shall_fail(volume: &Volume, method: &str) -> bool {
    is_failing(&volume.metadata, method)
}

#[async_trait]
impl Driver for FakeDriver {
    async fn start(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        self.failover_completed(active, epoch).await
    }

    async fn failover(&self, failover: &Failover<'_>) -> Result<FailedOver, DriverError> {
        let latency = Duration::from_millis(self.config.fake.latency_ms);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        if failover.volumes.iter().any(|volume| shall_fail(volume, "failover_backend")) {
            return Err(DriverError::failed("failover fails because fake:fail says so"));
        }
        let fate = |volume: &Volume| match failover.target {
            same if same == failover.from && volume.replication_status.is_served() => Fate::Moved,
            _ if shall_fail(volume, "failover") => Fate::Failed,
            Side::Target(_) if !volume.replicated => Fate::Absent,
            Side::Target(_) | Side::Primary => Fate::Moved,
        };
        let volumes: Vec<_> = failover
            .volumes
            .iter()
            .map(|volume| VolumeFate { id: volume.id, fate: fate(volume) })
            .collect();
        let is_there = |snapshot: &&Snapshot| {
            volumes.iter().any(|one| one.id == snapshot.volume_id && one.fate == Fate::Moved)
        };
        let snapshots = failover.snapshots.iter().filter(is_there).map(|snapshot| snapshot.id);
        Ok(FailedOver {
            active: failover.target.clone(),
            storage_id: None,
            known_snapshots: failover.snapshots.iter().map(|snapshot| snapshot.id).collect(),
            snapshots: snapshots.collect(),
            volumes,
        })
    }

    async fn replicate(&self, volumes: &[Volume]) -> Result<Replicas, DriverError> {
        let missing = |volume: &Volume| if shall_fail(volume, "replicate") { 1 << 20 } else { 0 };
        let each = volumes.iter().map(|one| Replica { id: one.id, missing: missing(one) });
        Ok(Replicas { driver_data: self.config.targets().first().cloned(), each: each.collect() })
    }

    async fn failover_completed(&self, active: &Side, _epoch: i64) -> Result<(), DriverError> {
        let is_known = match active {
            Side::Primary => true,
            Side::Target(name) => self.config.targets().contains(name),
        };
        if !is_known {
            return Err(unknown_target(active));
        }
        self.memory().active = active.clone();
        Ok(())
    }

    async fn promoted(&self, volumes: &[Volume]) -> Result<(), DriverError> {
        if volumes.iter().any(|volume| shall_fail(volume, "promoted")) {
            return Err(DriverError::failed("promoted fails because fake:fail says so"));
        }
        Ok(())
    }

    /// Memory has no name.
    async fn storage_id(&self, _side: &Side) -> Result<Option<String>, DriverError> {
        Ok(None)
    }

    async fn report(&self) -> Result<BackendReport, DriverError> {
        let memory = self.memory();
        let provisioned: f64 = memory.volumes.values().copied().map(f64::from).sum();
        let capacity = self.config.fake.capacity_gb;
        Ok(BackendReport {
            volume_backend_name: self.config.name_or(&self.name),
            vendor_name: "cinderblock".to_owned(),
            driver_version: env!("CARGO_PKG_VERSION").to_owned(),
            storage_protocol: "fake".to_owned(),
            online_extend_support: true,
            online_snapshot_support: true,
            multiattach: true,
            replication_enabled: !self.config.replication_device.is_empty()
                && memory.active.is_primary(),
            replication_targets: self.config.targets(),
            sides_down: self
                .config
                .fake
                .targets_down
                .iter()
                .map(|name| Side::named(name))
                .collect(),
            replication: ReplicationProgress::default(),
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
        source: Source<'_>,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let is_there = match source {
            Source::Snapshot(snapshot) => self.memory().snapshots.contains(&snapshot.id),
            Source::Volume(source) => self.memory().volumes.contains_key(&source.id),
        };
        // memory is lost with the process, so what is not there may have been
        if !is_there {
            tracing::debug!(volume.id = %volume.id, "the source is forgotten");
        }
        self.create_volume(volume, fence).await
    }

    async fn open_for_import(
        &self,
        volume: &Volume,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        self.export(volume, AttachMode::ReadOnly, fence).await
    }

    async fn close_after_import(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        self.unexport(volume, AttachMode::ReadOnly, fence).await
    }

    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("import_volume", &volume.metadata).await?;
        if connection.driver_volume_type != "fake" {
            return Err(DriverError::failed("a fake backend takes volumes of fake backends alone"));
        }
        self.memory().volumes.insert(volume.id, volume.size_gb);
        Ok(())
    }

    async fn discard_import(
        &self,
        volume: &Volume,
        _connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError> {
        self.delete_volume(volume, fence).await
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

    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError> {
        let object = |name: String, id, size_gb| StoredObject {
            name,
            size_gb,
            id: Some(id),
            volume_id: None,
        };
        let memory = self.memory();
        Ok(match what {
            Manageable::Volumes => memory
                .volumes
                .iter()
                .map(|(id, size_gb)| object(format!("volume-{id}"), id.0, *size_gb))
                .collect(),
            Manageable::Snapshots => memory
                .snapshots
                .iter()
                .map(|id| object(format!("snapshot-{id}"), id.0, 1))
                .collect(),
        })
    }

    async fn manage_volume(
        &self,
        volume: &Volume,
        _source_name: &str,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("manage_volume", &volume.metadata).await?;
        self.memory().volumes.insert(volume.id, volume.size_gb);
        Ok(())
    }

    async fn unmanage_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("unmanage_volume", &volume.metadata).await
    }

    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        _source_name: &str,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("manage_snapshot", &snapshot.metadata).await?;
        self.memory().snapshots.insert(snapshot.id);
        Ok(())
    }

    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<ConnectionInfo, DriverError> {
        self.pretend("export", &volume.metadata).await?;
        self.memory().exports.insert((volume.id, mode));
        let data = Map::from_iter([("volume_id".to_owned(), json!(volume.id))]);
        Ok(ConnectionInfo { driver_volume_type: "fake".to_owned(), data })
    }

    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("unexport", &volume.metadata).await?;
        self.memory().exports.remove(&(volume.id, mode));
        Ok(())
    }

    async fn ensure_data_plane(&self) -> Result<bool, DriverError> {
        Ok(false)
    }

    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError> {
        self.memory().exports.insert((volume.id, mode));
        Ok(())
    }
}
