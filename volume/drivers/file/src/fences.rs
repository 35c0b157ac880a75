//! Object locks: one worker at a time per object, and never one with an older fencing token.
//!
//! The file of an object's fence is locked while somebody works on the object and holds the number of
//! the newest claim. It outlives the object, so that a worker that slept through its removal cannot
//! bring it back.

use crate::file_lock::wait_for;
use crate::io_error::unusable;
use driver::{DriverError, Fence};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The lock on an object, until it is dropped.
pub(crate) struct ObjectLock {
    _file: File,
}

/// Locks an object for the bearer of `fence`; waits while anybody else has it.
pub(crate) fn lock_exclusive(path: &Path, fence: Fence) -> Result<ObjectLock, DriverError> {
    let mut file = open(path).map_err(|error| unusable(path, &error))?;
    wait_for(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| busy(path, &error))?;
    if newest(&mut file).map_err(|error| unusable(path, &error))? > fence {
        return Err(DriverError::Superseded);
    }
    record(&mut file, fence).map_err(|error| unusable(path, &error))?;
    Ok(ObjectLock { _file: file })
}

/// Keeps an object as it is; waits while somebody works on it.
pub(crate) fn lock_shared(path: &Path) -> Result<ObjectLock, DriverError> {
    let file = open(path).map_err(|error| unusable(path, &error))?;
    wait_for(&file, FlockOperation::NonBlockingLockShared).map_err(|error| busy(path, &error))?;
    Ok(ObjectLock { _file: file })
}

/// Keeps everybody else away from an object, unless somebody works on it, or keeps it as it is, now.
pub(crate) fn try_lock_exclusive(path: &Path) -> Result<Option<ObjectLock>, DriverError> {
    match lock(path, FlockOperation::NonBlockingLockExclusive) {
        Ok(file) => Ok(Some(ObjectLock { _file: file })),
        Err(held) if held.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(unusable(path, &error)),
    }
}

/// Whether somebody works on an object now.
pub(crate) fn is_locked(path: &Path) -> io::Result<bool> {
    match lock(path, FlockOperation::NonBlockingLockShared) {
        Ok(_) => Ok(false),
        Err(held) if held.kind() == io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

fn lock(path: &Path, operation: FlockOperation) -> io::Result<File> {
    let file = open(path)?;
    flock(&file, operation)?;
    Ok(file)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// A lock timeout is a transient error: the holder may have finished when the operation is claimed again.
fn busy(path: &Path, error: &io::Error) -> DriverError {
    match error.kind() {
        io::ErrorKind::TimedOut => {
            DriverError::Transient(format!("{}: another worker holds the lock", path.display()))
        }
        _ => unusable(path, error),
    }
}

fn newest(file: &mut File) -> io::Result<Fence> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(Fence(text.trim().parse().unwrap_or_default()))
}

fn record(file: &mut File, fence: Fence) -> io::Result<()> {
    file.rewind()?;
    // of one length, so that an interrupted write leaves no shorter number behind
    write!(file, "{:020}", fence.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_claim_is_kept_out_even_after_the_newer_one_let_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("volume");
        drop(lock_exclusive(&path, Fence(7)).unwrap());
        assert!(matches!(lock_exclusive(&path, Fence(6)), Err(DriverError::Superseded)));
        lock_exclusive(&path, Fence(7)).unwrap();
        lock_exclusive(&path, Fence(8)).unwrap();
    }
}
