//! Contents of volumes in memory: there are none but zeros. A backup service has another memory than the worker.

use crate::memory::FakeDriver;
use driver::backup::{Backup, Content};
use driver::sizes::bytes;
use driver::{CloneSource, DriverError, Fence};
use model::{Metadata, Side, Volume};
use tokio::io::{AsyncReadExt as _, repeat, sink};

#[driver::async_trait]
impl Backup for FakeDriver {
    async fn join(&self, active: &Side, _epoch: i64) -> Result<(), DriverError> {
        self.memory().active = active.clone();
        Ok(())
    }

    async fn read_content(
        &self,
        source: CloneSource<'_>,
        _fence: Fence,
    ) -> Result<Content, DriverError> {
        let nothing = Metadata::new();
        let (metadata, size_gb) = match source {
            CloneSource::Volume(volume) => (&volume.metadata, volume.size_gb),
            CloneSource::Snapshot(snapshot) => (&nothing, snapshot.size_gb),
        };
        self.pretend("read_content", metadata).await?;
        Ok(Box::new(repeat(0).take(bytes(size_gb))))
    }

    async fn write_content(
        &self,
        volume: &Volume,
        mut content: Content,
        _fence: Fence,
    ) -> Result<(), DriverError> {
        self.pretend("write_content", &volume.metadata).await?;
        let read = tokio::io::copy(&mut content, &mut sink()).await;
        read.map(drop).map_err(|error| DriverError::failed(error.to_string()))
    }
}
