//! Images of the pool become volumes and snapshots, and cease to be some.

use crate::rbd_driver::RbdDriver;
use crate::{images, names, records, watchers};
use driver::sizes::{bytes, whole_gibibytes};
use driver::{DriverError, Fence, Manage};
use model::{Manageable, Snapshot, StoredObject, Volume};

#[driver::async_trait]
impl Manage for RbdDriver {
    async fn list_stored(&self, what: Manageable) -> Result<Vec<StoredObject>, DriverError> {
        let listed = images::list(&self.sides.active_cluster()).await?.into_iter();
        // and not what is being made, is as good as gone, or belongs to a drill
        let is_in_passing = [names::is_unfinished, names::is_deleted, names::is_drill];
        let listed = listed.filter(|one| !is_in_passing.iter().any(|is| is(&one.image)));
        Ok(match what {
            Manageable::Volumes => listed
                .filter(|one| one.snapshot.is_none())
                .map(|one| StoredObject {
                    size_gb: whole_gibibytes(one.size),
                    id: names::volume_of(&one.image),
                    volume_id: None,
                    name: one.image,
                })
                .collect(),
            Manageable::Snapshots => listed
                .filter_map(|one| Some((one.snapshot?, one.image, one.size)))
                .filter(|(name, ..)| !names::is_copy_snapshot(name))
                .map(|(name, image, size)| StoredObject {
                    size_gb: whole_gibibytes(size),
                    id: names::snapshot_of(&name),
                    volume_id: names::volume_of(&image),
                    name,
                })
                .collect(),
        })
    }

    async fn manage_volume(
        &self,
        volume: &Volume,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        require_plain(source_name)?;
        let image = names::image(volume.id);
        images::rename(&cluster, source_name, &image).await?;
        Ok(images::grow(&cluster, &image, bytes(volume.size_gb)).await?)
    }

    async fn unmanage_volume(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, volume.id, fence).await?;
        watchers::cut_off(&cluster, &names::image(volume.id)).await
    }

    async fn manage_snapshot(
        &self,
        snapshot: &Snapshot,
        source_name: &str,
        fence: Fence,
    ) -> Result<(), DriverError> {
        let cluster = self.sides.active_cluster();
        records::claim(&cluster, snapshot.id, fence).await?;
        require_plain(source_name)?;
        let (image, name) = (names::image(snapshot.volume_id), names::snapshot(snapshot.id));
        images::rename_snapshot(&cluster, &image, source_name, &name).await?;
        Ok(())
    }

    async fn unmanage_snapshot(
        &self,
        snapshot: &Snapshot,
        fence: Fence,
    ) -> Result<(), DriverError> {
        records::claim(&self.sides.active_cluster(), snapshot.id, fence).await
    }
}

fn require_plain(name: &str) -> Result<(), DriverError> {
    if names::is_plain(name) {
        return Ok(());
    }
    Err(DriverError::failed(format!("'{name}' is no name of an image or a snapshot")))
}
