//! Sides that share one memory.

use crate::faults;
use crate::memory::FakeDriver;
use driver::{DriverError, Failover, Replica, ReplicaCopy, Replicas, Replication, Verified};
use model::{
    ConnectionInfo, FailoverOutcome, ReplicatedVolume, Side, Snapshot, Volume, VolumeFailover,
    VolumeId, VolumeOutcome,
};
use serde_json::json;
use std::time::Duration;

#[driver::async_trait]
impl Replication for FakeDriver {
    async fn replicate(&self, volumes: &[ReplicatedVolume]) -> Result<Replicas, DriverError> {
        let is_behind =
            |volume: &ReplicatedVolume| faults::is_failing(&volume.metadata, "replicate");
        let out_of_sync_bytes = |volume| if is_behind(volume) { 1 << 20 } else { 0 };
        let verified = |volume: &ReplicatedVolume| {
            let differing_bytes =
                if faults::is_failing(&volume.metadata, "verify") { 4096 } else { 0 };
            let due = volume.verification.filter(|_| !is_behind(volume));
            due.map(|asked| Verified { id: asked.id, differing_bytes })
        };
        let each = volumes.iter().map(|one| Replica {
            id: one.id,
            out_of_sync_bytes: out_of_sync_bytes(one),
            age: None,
            verified: verified(one),
        });
        Ok(Replicas { target: self.config.targets().first().cloned(), each: each.collect() })
    }

    async fn failover(&self, failover: &Failover<'_>) -> Result<FailoverOutcome, DriverError> {
        faults::take(self.config.fake.latency_ms).await;
        if failover.volumes.iter().any(|volume| shall_fail(volume, "failover_backend")) {
            return Err(DriverError::failed("failover fails because fake:fail says so"));
        }
        let outcome = |volume: &Volume| match failover.target {
            same if same == failover.from && volume.replication_status.on_active_side() => {
                VolumeOutcome::FailedOver
            }
            _ if shall_fail(volume, "failover") => VolumeOutcome::Failed,
            Side::Target(_) if !volume.replicated => VolumeOutcome::NotReplicated,
            Side::Target(_) if is_left_behind(volume, failover) => VolumeOutcome::Failed,
            Side::Target(_) | Side::Primary => VolumeOutcome::FailedOver,
        };
        let result = |volume: &Volume| {
            let outcome = outcome(volume);
            let is_behind = !failover.target.is_primary() && shall_fail(volume, "replicate");
            let may_lack_writes = is_behind && outcome == VolumeOutcome::FailedOver;
            VolumeFailover { id: volume.id, outcome, may_lack_writes }
        };
        let volumes: Vec<_> = failover.volumes.iter().map(result).collect();
        let is_there = |snapshot: &&Snapshot| {
            volumes
                .iter()
                .any(|one| one.id == snapshot.volume_id && one.outcome == VolumeOutcome::FailedOver)
        };
        let snapshots = failover.snapshots.iter().filter(is_there).map(|snapshot| snapshot.id);
        Ok(FailoverOutcome {
            active: failover.target.clone(),
            storage_id: None,
            known_snapshots: failover.snapshots.iter().map(|snapshot| snapshot.id).collect(),
            snapshots: snapshots.collect(),
            volumes,
            phases: Vec::new(),
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

    async fn copy_replica(
        &self,
        target: &str,
        volume: &ReplicatedVolume,
    ) -> Result<Option<ReplicaCopy>, DriverError> {
        self.pretend("copy_replica", &volume.metadata).await?;
        if !self.config.targets().iter().any(|known| known == target) {
            return Err(DriverError::unknown_target(&Side::Target(target.to_owned())));
        }
        let is_behind = faults::is_failing(&volume.metadata, "replicate");
        if is_behind || !self.memory().volumes.contains_key(&volume.id) {
            return Ok(None);
        }
        self.memory().replica_copies.insert(volume.id);
        let data = json!({ "copy_of": volume.id, "target": target });
        let connection = ConnectionInfo {
            driver_volume_type: "fake".to_owned(),
            data: data.as_object().cloned().unwrap_or_default(),
        };
        Ok(Some(ReplicaCopy { connection, copying: Duration::ZERO }))
    }

    /// What is in memory is open.
    async fn restore_copies(&self, _: &str, _: &[VolumeId]) -> Result<(), DriverError> {
        Ok(())
    }

    async fn remove_copies(&self, _: &str, volumes: &[VolumeId]) -> Result<(), DriverError> {
        self.memory().replica_copies.retain(|id| !volumes.contains(id));
        Ok(())
    }

    /// Memory has no name.
    async fn storage_id(&self, _side: &Side) -> Result<Option<String>, DriverError> {
        Ok(None)
    }
}

/// Whether its replica lacks something, and nobody has accepted that.
fn is_left_behind(volume: &Volume, failover: &Failover<'_>) -> bool {
    shall_fail(volume, "replicate") && !failover.may_lack_writes.contains(&volume.id)
}

fn shall_fail(volume: &Volume, method: &str) -> bool {
    faults::is_failing(&volume.metadata, method)
}
