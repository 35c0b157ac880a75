//! A server that overwrites the same blocks again and again, in an order that it remembers; and what an image of its volume is.

use crate::nbd::Nbd;
use anyhow::Context as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How many blocks are written to, how large each is, and how far they are apart, in bytes.
const BLOCKS: u16 = 64;
const BLOCK_BYTES: usize = 4096;
const STRIDE: u64 = 4 << 20;
/// One write in so many is followed by a flush.
const FLUSH_EVERY: usize = 8;
/// How long a server waits before it connects again.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(20);

/// A server at work. Where its data path breaks, it connects again, and repeats the write that was not acknowledged.
pub struct Overwriter {
    stopping: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<u16>>,
}

/// What a server has written.
pub struct Journal {
    /// The block of each write, in their order; the last one may not have been acknowledged.
    issued: Vec<u16>,
    /// How many were acknowledged, and flushed where that was asked for.
    pub acknowledged: usize,
}

impl Overwriter {
    /// Begins to write to an export.
    pub fn start(uri: String, seed: u64) -> Self {
        let (stopping, acknowledged) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (seen, counted) = (stopping.clone(), acknowledged.clone());
        let thread = std::thread::spawn(move || overwrite(&uri, seed, &seen, &counted));
        Self { stopping, acknowledged, thread }
    }

    /// How many writes were acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Stops, and tells what was written.
    pub fn end(self) -> anyhow::Result<Journal> {
        self.stopping.store(true, Ordering::SeqCst);
        let issued = self.thread.join().map_err(|_| anyhow::anyhow!("a server has panicked"))?;
        Ok(Journal { issued, acknowledged: self.acknowledged.load(Ordering::SeqCst) })
    }
}

fn overwrite(uri: &str, seed: u64, stopping: &AtomicBool, acknowledged: &AtomicUsize) -> Vec<u16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut issued, mut connection) = (Vec::new(), None);
    while !stopping.load(Ordering::SeqCst) {
        let Some(mut export) = connection.take().or_else(|| Nbd::connect(uri).ok()) else {
            std::thread::sleep(RECONNECT_INTERVAL);
            continue;
        };
        if issued.len() == acknowledged.load(Ordering::SeqCst) {
            issued.push(random.u16(..BLOCKS));
        }
        let number = issued.len();
        let block = issued[number - 1];
        let written = export.write(u64::from(block) * STRIDE, &content(number)).and_then(|()| {
            if number.is_multiple_of(FLUSH_EVERY) { export.flush() } else { Ok(()) }
        });
        if written.is_ok() {
            acknowledged.store(number, Ordering::SeqCst);
            connection = Some(export);
        }
    }
    issued
}

/// What write number `number` writes.
fn content(number: usize) -> Vec<u8> {
    (number as u64).to_le_bytes().repeat(BLOCK_BYTES / 8)
}

impl Journal {
    /// After how many writes the volume was what an image of it is now; `None` when it was never so: then the image is torn.
    pub fn moment_of(&self, image: &Path) -> anyhow::Result<Option<usize>> {
        let file = File::open(image).with_context(|| image.display().to_string())?;
        let mut found = Vec::new();
        for block in 0..BLOCKS {
            let mut content = vec![0; BLOCK_BYTES];
            file.read_exact_at(&mut content, u64::from(block) * STRIDE)?;
            let Some(number) = number_of(&content) else { return Ok(None) };
            found.push(number);
        }
        let newest = found.iter().copied().max().unwrap_or(0);
        Ok((self.after(newest).as_ref() == Some(&found)).then_some(newest))
    }

    /// The number of the last write to each block, after so many writes.
    fn after(&self, writes: usize) -> Option<Vec<usize>> {
        let mut last = vec![0; usize::from(BLOCKS)];
        for (number, block) in self.issued.get(..writes)?.iter().enumerate() {
            last[usize::from(*block)] = number + 1;
        }
        Some(last)
    }
}

/// The number of the write that a block has; `None` when it has parts of several.
fn number_of(content: &[u8]) -> Option<usize> {
    let (first, _) = content.split_first_chunk::<8>()?;
    let number = u64::from_le_bytes(*first);
    let is_whole = content.chunks_exact(8).all(|word| word == first);
    is_whole.then(|| usize::try_from(number).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image in which each block has the write of that number.
    fn image(numbers: &[(u16, usize)]) -> tempfile::NamedTempFile {
        let image = tempfile::NamedTempFile::new().unwrap();
        image.as_file().set_len(u64::from(BLOCKS) * STRIDE).unwrap();
        for (block, number) in numbers {
            image.as_file().write_all_at(&content(*number), u64::from(*block) * STRIDE).unwrap();
        }
        image
    }

    #[test]
    fn an_image_that_the_volume_never_was_is_torn() {
        let journal = Journal { issued: vec![3, 5, 3, 7], acknowledged: 4 };
        let moment = |numbers: &[_]| journal.moment_of(image(numbers).path()).unwrap();
        assert_eq!(moment(&[]), Some(0));
        assert_eq!(moment(&[(3, 1), (5, 2)]), Some(2));
        assert_eq!(moment(&[(3, 3), (5, 2), (7, 4)]), Some(4));
        // write 2 is missing, a block has gone back, and one is of no write
        assert_eq!(moment(&[(3, 3)]), None);
        assert_eq!(moment(&[(3, 1), (5, 2), (7, 4)]), None);
        assert_eq!(moment(&[(3, 3), (5, 2), (7, 5)]), None);
        let torn = image(&[(3, 1)]);
        torn.as_file().write_all_at(&[9], 3 * STRIDE + 4000).unwrap();
        assert_eq!(journal.moment_of(torn.path()).unwrap(), None);
    }
}
