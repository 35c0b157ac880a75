//! Sides that share one memory.

use crate::faults;
use crate::memory::FakeDriver;
use driver::{DriverError, Failover, Replica, Replicas, Replication};
use model::{FailedOver, Fate, Side, Snapshot, Volume, VolumeFate};

#[driver::async_trait]
impl Replication for FakeDriver {
    async fn replicate(&self, volumes: &[Volume]) -> Result<Replicas, DriverError> {
        let missing = |volume: &Volume| if shall_fail(volume, "replicate") { 1 << 20 } else { 0 };
        let each = volumes.iter().map(|one| Replica { id: one.id, missing: missing(one) });
        Ok(Replicas { driver_data: self.config.targets().first().cloned(), each: each.collect() })
    }

    async fn failover(&self, failover: &Failover<'_>) -> Result<FailedOver, DriverError> {
        faults::take(self.config.fake.latency_ms).await;
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

    async fn failover_completed(&self, active: &Side, _epoch: i64) -> Result<(), DriverError> {
        let is_known = match active {
            Side::Primary => true,
            Side::Target(name) => self.config.targets().contains(name),
        };
        if !is_known {
            return Err(DriverError::unknown_target(active));
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
}

fn shall_fail(volume: &Volume, method: &str) -> bool {
    faults::is_failing(&volume.metadata, method)
}
