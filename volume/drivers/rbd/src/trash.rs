//! Images in the trash that are needed no more.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::names;
use crate::shapes::Trashed;

/// Removes those for good of which no clone is left. What others have put into the trash stays there.
pub(crate) async fn empty(cluster: &Cluster) -> Result<(), CommandError> {
    let all: Vec<Trashed> = cluster.rbd_prints(&["trash", "ls"]).await?;
    for Trashed { id, name } in all.iter().filter(|one| names::is_deleted(&one.name)) {
        match cluster.rbd_over_data(&["trash", "rm", "--image-id", id, "--no-progress"]).await {
            Ok(_) => tracing::info!(image = name, "removed for good"),
            // with clones, in use, or gone by now
            Err(error) => {
                let is_expected = [errno::NOTEMPTY, errno::BUSY, errno::NOENT];
                if !is_expected.iter().any(|errno| error.is(*errno)) {
                    return Err(error);
                }
            }
        }
    }
    Ok(())
}
