//! The machine's lock on a backend, or on what else one process of a machine does.

use configuration::Config;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;

/// Takes the machine's lock of this name, until the result is dropped. `None` when another process has it: then the two share the work, and
/// neither may assume that the other is dead.
///
/// # Errors
/// When the lock's file cannot be made.
pub fn take(config: &Config, name: &str) -> std::io::Result<Option<File>> {
    std::fs::create_dir_all(&config.volume.state_directory)?;
    let lock = File::create(config.state_file(name))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
