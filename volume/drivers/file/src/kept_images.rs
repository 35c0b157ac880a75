//! The image that a replica had before a resynchronisation overwrites it. It is kept until the new one is complete: were the other
//! side lost in between, it is all that there is.
//!
//! Where the file system can, the image shares its blocks with the replica, so that what does not change takes no space. Elsewhere
//! the replica's file is put aside, and the resynchronisation begins with an empty one.

use crate::directory::{Directory, sync_directory};
use crate::io_error::unusable;
use crate::object::Object;
use driver::DriverError;
use model::VolumeId;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Keeps the image of a replica that is complete; the daemon must not have its file open. An earlier one is kept as it is while the
/// replica is not complete.
pub(crate) fn keep(directory: &Directory, id: VolumeId) -> Result<(), DriverError> {
    if !directory.is_complete(id) {
        return Ok(());
    }
    let (replica, kept) = (directory.file(Object::Volume(id)), directory.kept_image(id));
    let keep = || -> io::Result<()> {
        let unfinished = kept.with_extension("unfinished");
        if clone(&replica, &unfinished)? {
            fs::rename(&unfinished, &kept)?;
        } else {
            fs::rename(&replica, &kept)?;
            sync_directory(&replica)?;
        }
        sync_directory(&kept)
    };
    keep().map_err(|error| unusable(&kept, &error))
}

/// Forgets an image: the replica is complete. That there is none is fine.
pub(crate) fn forget(directory: &Directory, id: VolumeId) -> Result<(), DriverError> {
    let kept = directory.kept_image(id);
    match fs::remove_file(&kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(&kept, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether there is an image in place of a replica that is not complete.
pub(crate) fn is_kept(directory: &Directory, id: VolumeId) -> bool {
    directory.kept_image(id).exists()
}

/// Puts an image back in the place of what is not complete, with the size that the volume has by now; returns when it was written
/// last. The daemon must not have the file open.
pub(crate) fn restore(
    directory: &Directory,
    id: VolumeId,
    size: u64,
) -> Result<SystemTime, DriverError> {
    let (replica, kept) = (directory.file(Object::Volume(id)), directory.kept_image(id));
    let restore = || -> io::Result<SystemTime> {
        let image = OpenOptions::new().write(true).open(&kept)?;
        let written = image.metadata()?.modified()?;
        if image.metadata()?.len() < size {
            image.set_len(size)?;
        }
        image.sync_all()?;
        fs::rename(&kept, &replica)?;
        sync_directory(&replica)?;
        Ok(written)
    };
    let written = restore().map_err(|error| unusable(&kept, &error))?;
    directory.set_incomplete(id, false)?;
    Ok(written)
}

/// Makes a file like another one without copying, where the file system can; `false` where it cannot.
fn clone(source: &Path, target: &Path) -> io::Result<bool> {
    let (source, clone) = (File::open(source)?, File::create(target)?);
    match rustix::fs::ioctl_ficlone(&clone, &source) {
        Ok(()) => {
            clone.set_modified(source.metadata()?.modified()?)?;
            clone.sync_all()?;
            Ok(true)
        }
        Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::INVAL | Errno::XDEV) => {
            fs::remove_file(target)?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complete_replica_is_kept_until_it_is_forgotten_and_half_of_one_never() {
        let array = tempfile::tempdir().unwrap();
        let directory = Directory::new(array.path());
        directory.prepare().unwrap();
        let id = VolumeId(uuid::Uuid::from_u128(1));
        let replica = directory.file(Object::Volume(id));
        keep(&directory, id).unwrap();
        assert!(!is_kept(&directory, id));

        fs::write(&replica, "all of it").unwrap();
        keep(&directory, id).unwrap();
        directory.set_incomplete(id, true).unwrap();
        fs::write(&replica, "half").unwrap();
        // an interrupted resynchronisation that begins again
        keep(&directory, id).unwrap();
        assert_eq!(fs::read_to_string(directory.kept_image(id)).unwrap(), "all of it");

        restore(&directory, id, 12).unwrap();
        assert_eq!(fs::read(&replica).unwrap(), b"all of it\0\0\0");
        assert!(directory.is_complete(id) && !is_kept(&directory, id));
        keep(&directory, id).unwrap();
        for _ in 0..2 {
            forget(&directory, id).unwrap();
        }
        assert!(!is_kept(&directory, id));
    }
}
