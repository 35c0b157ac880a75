//! What a replica was before a resynchronisation overwrote it: kept until it is in sync again. Were the other side lost in between, it
//! is all that there is.
//!
//! The relay writes the log; see [`cinderblock_relay::undo_log`].

use crate::directory::Directory;
use crate::io_error::unusable;
use crate::object::Object;
use cinderblock_relay::undo_log::{self, UndoLog};
use driver::DriverError;
use model::VolumeId;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

/// Notes that a replica is going to be overwritten, and returns where to keep what it is; `None` when that is not all of a volume.
/// An earlier log goes on as long as the replica is not complete.
pub(crate) fn begin(directory: &Directory, id: VolumeId) -> Result<Option<PathBuf>, DriverError> {
    let (replica, log) = (directory.file(Object::Volume(id)), directory.undo_log(id));
    if directory.is_complete(id) {
        let create = || UndoLog::create(&log, &File::open(&replica)?);
        create().map_err(|error| unusable(&log, &error))?;
    } else if !replica.exists() {
        // it is that of another file
        forget(directory, id)?;
    }
    // until it is in sync, it is neither what it was nor what it shall be
    directory.set_incomplete(id, true)?;
    Ok(log.exists().then_some(log))
}

/// Forgets what a replica was: it is in sync. That there is none is fine.
pub(crate) fn forget(directory: &Directory, id: VolumeId) -> Result<(), DriverError> {
    let log = directory.undo_log(id);
    match fs::remove_file(&log) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&log, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether a replica that is not complete can be what it was.
pub(crate) fn is_kept(directory: &Directory, id: VolumeId) -> bool {
    directory.undo_log(id).exists()
}

/// Makes a replica what it was, with the size that the volume has by now; returns when it was written last. Nobody else may have the
/// file open.
pub(crate) fn restore(
    directory: &Directory,
    id: VolumeId,
    size: u64,
) -> Result<SystemTime, DriverError> {
    let (replica, log) = (directory.file(Object::Volume(id)), directory.undo_log(id));
    let restore = || {
        let replica = File::options().read(true).write(true).open(&replica)?;
        undo_log::restore(&log, &replica, size)
    };
    let written = restore().map_err(|error| unusable(&log, &error))?;
    directory.set_incomplete(id, false)?;
    forget(directory, id)?;
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_replica_is_kept_until_it_is_in_sync_and_half_of_one_never() {
        let array = tempfile::tempdir().unwrap();
        let directory = Directory::new(array.path());
        directory.prepare().unwrap();
        let id = VolumeId(uuid::Uuid::from_u128(1));
        let replica = directory.file(Object::Volume(id));
        assert_eq!(begin(&directory, id).unwrap(), None, "there is nothing yet");
        fs::write(&replica, "half").unwrap();
        assert_eq!(begin(&directory, id).unwrap(), None);

        directory.set_incomplete(id, false).unwrap();
        fs::write(&replica, "all of it").unwrap();
        let log = begin(&directory, id).unwrap().unwrap();
        let file = File::options().read(true).write(true).open(&replica).unwrap();
        UndoLog::open(&log, 9).unwrap().preserve(&file, &[(0, 9)]).unwrap();
        fs::write(&replica, "half").unwrap();
        // an interrupted resynchronisation that begins again
        assert_eq!(begin(&directory, id).unwrap(), Some(log));

        restore(&directory, id, 12).unwrap();
        assert!(fs::read(&replica).unwrap().starts_with(b"all of it\0\0\0"));
        assert!(directory.is_complete(id) && !is_kept(&directory, id));
        begin(&directory, id).unwrap();
        for _ in 0..2 {
            forget(&directory, id).unwrap();
        }
        assert!(!is_kept(&directory, id));
    }
}
