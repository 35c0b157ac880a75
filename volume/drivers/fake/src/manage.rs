//! Objects in memory become volumes and snapshots.

use crate::memory::FakeDriver;
use driver::{DriverError, Fence, Manage};
use model::{Manageable, Snapshot, SnapshotId, StoredObject, Volume, VolumeId};

#[driver::async_trait]
impl Manage for FakeDriver {
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
                .map(|(id, size_gb)| object(volume_name(*id), id.0, *size_gb))
                .collect(),
            Manageable::Snapshots => {
                memory.snapshots.iter().map(|id| object(snapshot_name(*id), id.0, 1)).collect()
            }
        })
    }

    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("manage_volume", &volume.metadata).await?;
        let mut memory = self.memory();
        // memory is lost with the process, so that what is not there may have been
        memory.volumes.retain(|id, _| volume_name(*id) != source_name);
        memory.volumes.insert(volume.id, volume.size_gb);
        Ok(())
    }

    async fn unmanage_volume(&self, volume: &Volume, _fence: Fence) -> Result<(), DriverError> {
        self.pretend("unmanage_volume", &volume.metadata).await?;
        self.memory().exports.retain(|(id, _)| *id != volume.id);
        Ok(())
    }

    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("manage_snapshot", &snapshot.metadata).await?;
        let mut memory = self.memory();
        memory.snapshots.retain(|id| snapshot_name(*id) != source_name);
        memory.snapshots.insert(snapshot.id);
        Ok(())
    }

    async fn unmanage_snapshot(
        &self,
        snapshot: &Snapshot,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("unmanage_snapshot", &snapshot.metadata).await
    }
}

fn volume_name(id: VolumeId) -> String {
    format!("volume-{id}")
}

fn snapshot_name(id: SnapshotId) -> String {
    format!("snapshot-{id}")
}
