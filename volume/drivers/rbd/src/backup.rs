//! Contents of images and their snapshots go to backups, and come from them.

use crate::rbd_driver::RbdDriver;
use crate::sides::Serving;
use crate::{images, names, records, watchers};
use driver::backup::{Backup, Content};
use driver::sizes::bytes;
use driver::{CloneSource, DriverError, Fence};
use model::{Side, Volume};

#[driver::async_trait]
impl Backup for RbdDriver {
    async fn join(&self, active: &Side, epoch: i64) -> Result<(), DriverError> {
        let cluster = self.sides.of(active)?;
        records::require_epoch(&cluster, self.backend, epoch).await?;
        self.sides.set_serving(Serving { active: active.clone(), epoch });
        self.forget_sides();
        Ok(())
    }

    async fn read_content(
        &self,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<Content, DriverError> {
        let cluster = self.sides.active_cluster();
        let export = match source {
            CloneSource::Volume(volume) => {
                records::claim(&cluster, volume.id, fence).await?;
                cluster.export(&names::image(volume.id), None)?
            }
            CloneSource::Snapshot(snapshot) => {
                records::claim(&cluster, snapshot.id, fence).await?;
                let image = names::image(snapshot.volume_id);
                cluster.export(&image, Some(&names::snapshot(snapshot.id)))?
            }
        };
        Ok(Box::new(export))
    }

    async fn write_content(
        &self,
        volume: &Volume,
        mut content: Content,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        let (image, size) = (names::image(volume.id), bytes(volume.size_gb));
        records::claim(&cluster, volume.id, fence).await?;
        if images::info(&cluster, &image).await?.is_none() {
            return Err(DriverError::failed(format!("there is no image {image}")));
        }
        // no server uses it: who has it open is the command of a process that was killed
        watchers::cut_off(&cluster, &image).await?;
        Ok(cluster.rbd_reads_content(&image, &mut content, size).await?)
    }
}
