//! Copying a file that nobody writes to, holes left out, with its progress in the log.

use crate::blocking::blocking;
use crate::copy_progress::CopyProgress;
use crate::directory::Directory;
use crate::io_error::unusable;
use crate::object::Object;
use driver::DriverError;
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How much is copied between two looks at whether to go on.
const CHUNK: usize = 4 << 20;

/// A copy; when this is dropped before it is done, the copy ends and its unfinished file goes.
pub(crate) struct SparseCopy {
    directory: Directory,
    source: Object,
    target: Object,
    cancelled: Arc<AtomicBool>,
}

impl Drop for SparseCopy {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

impl SparseCopy {
    pub fn new(directory: &Directory, source: Object, target: Object) -> Self {
        Self { directory: directory.clone(), source, target, cancelled: Arc::default() }
    }

    /// Copies to the target's unfinished file.
    pub async fn carry_out(&self) -> Result<(), DriverError> {
        let work = Work {
            source: self.directory.file(self.source),
            target: self.directory.unfinished(self.target),
            cancelled: self.cancelled.clone(),
        };
        blocking(move || work.carry_out()).await
    }
}

struct Work {
    source: PathBuf,
    target: PathBuf,
    cancelled: Arc<AtomicBool>,
}

impl Work {
    fn carry_out(&self) -> Result<(), DriverError> {
        let copied = self.copy();
        if copied.is_err() {
            // what is unfinished is nothing
            let _ = std::fs::remove_file(&self.target);
        }
        copied.map_err(|error| unusable(&self.target, &error))
    }

    fn copy(&self) -> io::Result<()> {
        let source = File::open(&self.source)?;
        let target =
            OpenOptions::new().write(true).create(true).truncate(true).open(&self.target)?;
        let size = source.metadata()?.len();
        target.set_len(size)?;
        let mut progress = CopyProgress::of(size);
        let mut position = 0;
        while let Some(start) = next(&source, SeekFrom::Data(position))? {
            let end = next(&source, SeekFrom::Hole(start))?.unwrap_or(size);
            position = start;
            while position < end {
                if self.cancelled.load(Ordering::Relaxed) {
                    return Err(io::Error::other("given up"));
                }
                let wanted = CHUNK.min(usize::try_from(end - position).unwrap_or(CHUNK));
                position += copy_chunk(&source, &target, position, wanted)?;
                progress.log(position);
            }
        }
        target.sync_all()
    }
}

/// The next offset of data or of a hole; none behind the last data.
fn next(file: &File, from: SeekFrom) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, from) {
        Ok(offset) => Ok(Some(offset)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn copy_chunk(source: &File, target: &File, position: u64, wanted: usize) -> io::Result<u64> {
    let (mut from, mut to) = (position, position);
    let copied =
        rustix::fs::copy_file_range(source, Some(&mut from), target, Some(&mut to), wanted)?;
    if copied == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(copied as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::unix::fs::MetadataExt;

    fn work(directory: &std::path::Path) -> Work {
        Work {
            source: directory.join("source"),
            target: directory.join("target"),
            cancelled: Arc::default(),
        }
    }

    #[test]
    fn data_is_copied_and_holes_stay_holes() {
        let directory = tempfile::tempdir().unwrap();
        let work = work(directory.path());
        let mut source = File::create(&work.source).unwrap();
        source.set_len(1 << 30).unwrap();
        for (offset, letter) in [(0, b'a'), (512 << 20, b'b'), ((1 << 30) - 4096, b'c')] {
            source.seek(io::SeekFrom::Start(offset)).unwrap();
            source.write_all(&[letter; 4096]).unwrap();
        }
        work.carry_out().unwrap();
        let mut target = File::open(&work.target).unwrap();
        assert_eq!(target.metadata().unwrap().len(), 1 << 30);
        assert!(target.metadata().unwrap().blocks() * 512 < 1 << 20);
        for (offset, letter) in
            [(0, b'a'), (512 << 20, b'b'), ((1 << 30) - 4096, b'c'), (256 << 20, 0)]
        {
            let mut read = [1; 4096];
            target.seek(io::SeekFrom::Start(offset)).unwrap();
            target.read_exact(&mut read).unwrap();
            assert!(read.iter().all(|byte| *byte == letter), "at {offset}");
        }
    }

    #[test]
    fn a_copy_that_is_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let work = work(directory.path());
        std::fs::write(&work.source, vec![1; 8 << 20]).unwrap();
        work.cancelled.store(true, Ordering::Relaxed);
        assert!(work.carry_out().is_err());
        assert!(!work.target.exists());
    }
}
