//! A volume or snapshot is copied within its array: by the file system, by the daemon, or byte by byte.

use crate::array::Array;
use crate::blocking::blocking;
use crate::copy_job::CopyJob;
use crate::mirror::Mirror;
use crate::object::Object;
use crate::sparse_copy::SparseCopy;
use driver::DriverError;

/// Gives `target` the content of `source` at the moment when the copy begins, and `size` bytes. `mirror` is that of the
/// source, if it has one: the daemon does one thing with a volume at a time.
pub(crate) async fn copy(
    array: &Array,
    source: Object,
    target: Object,
    size: u64,
    mirror: Option<Mirror<'_>>,
) -> Result<(), DriverError> {
    let _kept = array.lock_shared(source).await?;
    let directory = array.directory.clone();
    blocking(move || directory.require_whole(source)).await?;
    let directory = array.directory.clone();
    if blocking(move || directory.reflink(source, target, size)).await? {
        return Ok(());
    }
    match source {
        // servers may write meanwhile: the daemon copies what is overwritten before it is
        Object::Volume(id) if array.daemon.is_written_to(id).await? => {
            if let Some(mirror) = mirror {
                mirror.stop().await?;
            }
            let directory = array.directory.clone();
            blocking(move || directory.prepare_copy(target, directory.size(source)?)).await?;
            CopyJob::of_open_volume(&array.daemon, id, target)
                .carry_out(&array.directory.unfinished(target))
                .await?;
        }
        Object::Volume(_) | Object::Snapshot(_) | Object::Drill(_) => {
            SparseCopy::new(&array.directory, source, target).carry_out().await?;
        }
    }
    let directory = array.directory.clone();
    blocking(move || directory.finish_copy(target, size)).await
}
