//! What other sides have of volumes that are not there any more. `rbd-mirror` removes the copy of an image that is removed, unless it has
//! not begun to follow it since the sides have changed: so it is seen to here.

use crate::cluster::Cluster;
use crate::command_error::errno;
use crate::{images, mirror};
use driver::DriverError;
use std::time::Duration;

/// How often, and after which pause, it is tried again to remove a copy that the mirror daemon works on.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(500);

/// Removes the copy of an image that is removed, or not mirrored any more, where it was primary. That there is none is fine.
pub(crate) async fn remove(cluster: &Cluster, image: &str) -> Result<(), DriverError> {
    for _ in 0..TRIES {
        let info = images::info(cluster, image).await?;
        if info.is_none() {
            return Ok(());
        }
        match mirror::of(info.as_ref()) {
            Some(mirroring) if !mirroring.primary => mirror::end(cluster, image).await?,
            Some(_) | None => {}
        }
        match images::remove_unused(cluster, image).await {
            // the mirror daemon has it, and lets go of it, or removes it itself
            Err(error) if error.is(errno::BUSY) => tokio::time::sleep(PAUSE).await,
            removed => return Ok(removed?),
        }
    }
    Err(DriverError::failed(format!("the copy of {image} is in use")))
}
