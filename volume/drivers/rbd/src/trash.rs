//! Images in the trash that are needed no more.

use crate::cluster::Cluster;
use crate::command_error::{CommandError, errno};
use crate::names;
use crate::shapes::Trashed;
use std::time::Duration;

/// How long one look into the trash may take: what is large goes on the next time.
const A_WHILE: Duration = Duration::from_secs(20);

/// Removes what can be removed now.
pub(crate) async fn empty_for_a_while(cluster: &Cluster) {
    match tokio::time::timeout(A_WHILE, empty(cluster)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the trash is not emptied"),
        Err(_) => tracing::info!("the trash is not empty yet"),
    }
}

/// Removes those for good of which no clone is left. What others have put into the trash stays there.
async fn empty(cluster: &Cluster) -> Result<(), CommandError> {
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
