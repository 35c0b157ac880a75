//! Locks on files that are waited for, but not without end: the process that has one may be suspended.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a lock is waited for.
const TIMEOUT: Duration = Duration::from_secs(60);
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// An exclusive lock on a file, which is made if there is none, until the result is dropped.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    wait_for(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Tries to lock a file again and again; `TimedOut` in the end.
pub(crate) fn wait_for(file: &File, operation: FlockOperation) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match flock(file, operation) {
            Ok(()) => return Ok(()),
            Err(Errno::WOULDBLOCK) if started.elapsed() < TIMEOUT => {
                std::thread::sleep(LOCK_RETRY_INTERVAL)
            }
            Err(Errno::WOULDBLOCK) => return Err(io::ErrorKind::TimedOut.into()),
            Err(error) => return Err(error.into()),
        }
    }
}
