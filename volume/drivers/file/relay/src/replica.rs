//! The file of a replica, as it is resynchronised: compared with the volume part by part, and overwritten where it differs.

use crate::undo_log::{BLOCK, UndoLog, read_padded, write_zeros};
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// What is compared at once, in bytes.
pub const PART: u64 = 1 << 20;

/// The file of a replica.
#[derive(Debug)]
pub struct Replica {
    file: File,
    size: u64,
    undo_log: Option<UndoLog>,
}

/// A block that is not what the volume has.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// What the volume has there.
    pub wanted: Vec<u8>,
    /// What the replica has.
    pub found: Vec<u8>,
}

impl Replica {
    /// The file, its size in bytes, and where to keep what is overwritten.
    #[must_use]
    pub const fn new(file: File, size: u64, undo_log: Option<UndoLog>) -> Self {
        Self { file, size, undo_log }
    }

    /// In bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Keeps what is in these parts (offset and length), for they are going to be overwritten.
    ///
    /// # Errors
    /// When it cannot be kept; then it must not be overwritten.
    pub fn preserve(&mut self, parts: &[(u64, u64)]) -> io::Result<()> {
        let Self { file, undo_log, .. } = self;
        undo_log.as_mut().map_or(Ok(()), |log| log.preserve(file, parts))
    }

    /// Keeps nothing any more.
    pub fn forget(&mut self) {
        self.undo_log = None;
    }

    /// Where the first part begins, at this offset or behind it, of which the volume or the replica may have something else than
    /// zeros.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn next_part(&self, source: &File, offset: u64) -> io::Result<Option<u64>> {
        let first = [source, &self.file].into_iter().map(|file| next_data(file, offset));
        let found = first.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().min();
        Ok(found.filter(|data| *data < self.size).map(|data| (data / PART * PART).max(offset)))
    }

    /// The blocks between an offset and the end of this length that are not what the volume has there.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn differing_blocks(
        &self,
        source: &File,
        offset: u64,
        length: u64,
    ) -> io::Result<Vec<Block>> {
        let length = length.min(self.size.saturating_sub(offset));
        let wanted = read_padded(source, offset, length)?;
        let found = read_padded(&self.file, offset, length)?;
        let blocks = wanted.chunks(BLOCK as usize).zip(found.chunks(BLOCK as usize));
        let blocks = (offset..).step_by(BLOCK as usize).zip(blocks);
        let differing = blocks.filter(|(_, (wanted, found))| wanted != found);
        let block = |(offset, (wanted, found)): (u64, (&[u8], &[u8]))| Block {
            offset,
            wanted: wanted.to_vec(),
            found: found.to_vec(),
        };
        Ok(differing.map(block).collect())
    }

    /// Makes what lies between an offset and the end of this length like the volume.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn make_equal(&mut self, source: &File, offset: u64, length: u64) -> io::Result<()> {
        let differing = self.differing_blocks(source, offset, length)?;
        let parts: Vec<_> =
            differing.iter().map(|block| (block.offset, block.wanted.len() as u64)).collect();
        // once for all of them: it waits for the disk
        self.preserve(&parts)?;
        for Block { offset, wanted, .. } in differing {
            if wanted.iter().all(|byte| *byte == 0) {
                write_zeros(&self.file, offset, wanted.len() as u64)?;
            } else {
                self.file.write_all_at(&wanted, offset)?;
            }
        }
        Ok(())
    }

    /// The same file, to be read.
    ///
    /// # Errors
    /// When there are too many files.
    pub fn reader(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, size: self.size, undo_log: None })
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Where the first data are at this offset or behind it; a file system that does not know holes has data everywhere.
fn next_data(file: &File, offset: u64) -> io::Result<Option<u64>> {
    match seek(file, SeekFrom::Data(offset)) {
        Ok(data) => Ok(Some(data)),
        // behind the last of them
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(parts: &[(u64, &[u8])], size: u64) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(size).unwrap();
        for (offset, data) in parts {
            file.write_all_at(data, *offset).unwrap();
        }
        file
    }

    fn compare(replica: &mut Replica, source: &File) -> u64 {
        let (mut offset, mut parts) = (0, 0);
        while let Some(part) = replica.next_part(source, offset).unwrap() {
            replica.make_equal(source, part, PART).unwrap();
            (offset, parts) = (part + PART, parts + 1);
        }
        parts
    }

    #[test]
    fn what_differs_is_made_equal_and_holes_are_not_looked_at() {
        let size = 100 * PART + 4096;
        let source = file(&[(0, b"same"), (3 * PART + 5, b"new"), (size - 4, b"tail")], size);
        // longer than the volume was, and with something where it has nothing
        let target = file(&[(0, b"same"), (50 * PART, b"gone")], size);
        let mut replica = Replica::new(target.try_clone().unwrap(), size, None);
        assert_eq!(compare(&mut replica, &source), 4);
        assert_eq!(read_padded(&target, 0, size).unwrap(), read_padded(&source, 0, size).unwrap());
    }

    #[test]
    fn what_is_equal_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let (source, target) =
            (file(&[(PART, b"same")], PART * 2), file(&[(PART, b"same")], PART * 2));
        UndoLog::create(&log, &target).unwrap();
        let empty = std::fs::metadata(&log).unwrap().len();
        let undo_log = UndoLog::open(&log, PART * 2).unwrap();
        let written = target.metadata().unwrap().modified().unwrap();
        compare(&mut Replica::new(target.try_clone().unwrap(), PART * 2, Some(undo_log)), &source);
        assert_eq!(std::fs::metadata(&log).unwrap().len(), empty);
        assert_eq!(target.metadata().unwrap().modified().unwrap(), written);
    }
}
