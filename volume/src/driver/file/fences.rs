//! One worker at a time for each volume, and never one whose claim is older than the last.
//!
//! The file of a volume's fence is locked while somebody works on the volume and holds the number of
//! the newest claim. It outlives the volume, so that a worker that slept through the volume's removal
//! cannot bring it back.

use super::array::unusable;
use super::{DriverError, Fence};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

/// The lock on a volume, until it is dropped.
pub(super) struct Held {
    _file: File,
}

/// Locks a volume for the bearer of `fence`; waits while another worker has it.
pub(super) fn hold(path: &Path, fence: Fence) -> Result<Held, DriverError> {
    let mut file = lock(path).map_err(|error| unusable(path, &error))?;
    if newest(&mut file).map_err(|error| unusable(path, &error))? > fence {
        return Err(DriverError::Superseded);
    }
    record(&mut file, fence).map_err(|error| unusable(path, &error))?;
    Ok(Held { _file: file })
}

fn lock(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
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
        drop(hold(&path, Fence(7)).unwrap());
        assert!(matches!(hold(&path, Fence(6)), Err(DriverError::Superseded)));
        hold(&path, Fence(7)).unwrap();
        hold(&path, Fence(8)).unwrap();
    }
}
