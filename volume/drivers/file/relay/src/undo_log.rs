//! The undo log of a replica: what its blocks were before a resynchronisation overwrote them.
//!
//! While it is resynchronised, a replica is neither what it was nor what it shall be. Were the other side lost in between, what it was
//! would be all that there is. So nothing of it is overwritten before the log has it, on the disk. The log takes room for what differs,
//! not for the replica.
//!
//! A header, and records. A record at the end that is not whole was being written: what it is about was not overwritten yet.

use rustix::fs::{FallocateFlags, fallocate};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is preserved at once, in bytes.
pub const BLOCK: u64 = 64 << 10;

const MAGIC: [u8; 8] = *b"cbundo01";
const HEADER_LENGTH: usize = 16;
const RECORD_HEADER_LENGTH: usize = 24;
/// The longest data of a record.
const LONGEST: u64 = 1 << 20;

const ZEROS: u32 = 0;
const DATA: u32 = 1;

/// An undo log that is being written.
#[derive(Debug)]
pub struct UndoLog {
    file: File,
    preserved: BlockSet,
    /// Where the records end that are on the disk.
    end: u64,
    /// What could not be written may be half there, and nothing must come behind it.
    is_torn: bool,
}

/// A record, without its data.
#[derive(Clone, Copy, Debug)]
struct Record {
    offset: u64,
    length: u64,
    is_zeros: bool,
}

impl UndoLog {
    /// Begins the log of a replica, in the place of an earlier one. The log knows when the replica was written last.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn create(path: &Path, replica: &File) -> io::Result<()> {
        let written = replica.metadata()?.modified()?.duration_since(UNIX_EPOCH);
        let mut header = MAGIC.to_vec();
        header.extend(written.unwrap_or_default().as_secs().to_le_bytes());
        let unfinished = path.with_extension("unfinished");
        let mut file = File::create(&unfinished)?;
        file.write_all(&header)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }

    /// Goes on with a log, of a replica that has this size by now.
    ///
    /// # Errors
    /// When it cannot be read or written, or is no undo log.
    pub fn open(path: &Path, size: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut preserved = BlockSet::new(size);
        let (_, records_end) = read(&mut file, |record, _| {
            preserved.insert(record.offset, record.length);
            Ok(())
        })?;
        file.set_len(records_end)?;
        file.seek(SeekFrom::Start(records_end))?;
        // whoever wrote them may have died before that
        file.sync_all()?;
        Ok(Self { file, preserved, end: records_end, is_torn: false })
    }

    /// Keeps what a replica has in these parts (offset and length), unless that was kept before. It is on the disk when this returns.
    ///
    /// # Errors
    /// When the replica cannot be read or the log not be written; then the replica must not be overwritten.
    pub fn preserve(&mut self, replica: &File, parts: &[(u64, u64)]) -> io::Result<()> {
        let gaps: Vec<_> = parts.iter().flat_map(|part| self.preserved.gaps(*part)).collect();
        if gaps.is_empty() {
            return Ok(());
        }
        if self.is_torn {
            return Err(io::Error::other("the undo log could not be written"));
        }
        match self.append_all(replica, &gaps) {
            Ok(()) => {
                gaps.iter().for_each(|(offset, length)| self.preserved.insert(*offset, *length));
                Ok(())
            }
            Err(error) => {
                self.is_torn = self.take_back().is_err();
                Err(error)
            }
        }
    }

    fn append_all(&mut self, replica: &File, gaps: &[(u64, u64)]) -> io::Result<()> {
        for (offset, length) in gaps {
            let mut appended = 0;
            while appended < *length {
                let some = (length - appended).min(LONGEST);
                self.append(replica, offset + appended, some)?;
                appended += some;
            }
        }
        self.file.sync_data()?;
        self.end = self.file.stream_position()?;
        Ok(())
    }

    /// Takes away what is behind the last record that is on the disk.
    fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.end)?;
        self.file.seek(SeekFrom::Start(self.end)).map(drop)
    }

    fn append(&mut self, replica: &File, offset: u64, length: u64) -> io::Result<()> {
        let data = read_padded(replica, offset, length)?;
        let is_zeros = data.iter().all(|byte| *byte == 0);
        let data = if is_zeros { &[] } else { data.as_slice() };
        let mut record = Vec::with_capacity(RECORD_HEADER_LENGTH + data.len());
        record.extend(offset.to_le_bytes());
        record.extend(length.to_le_bytes());
        record.extend(if is_zeros { ZEROS } else { DATA }.to_le_bytes());
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&record);
        checksum.update(data);
        record.extend(checksum.finalize().to_le_bytes());
        record.extend(data);
        self.file.write_all(&record)
    }
}

/// Makes a replica what it was when its log began, of a size that is at least `size`. Returns when it was written last until then.
/// What was interrupted may be done again.
///
/// # Errors
/// When a file cannot be read or written, or the log is none.
pub fn restore(path: &Path, replica: &File, size: u64) -> io::Result<SystemTime> {
    let mut file = File::open(path)?;
    let (header, _) = read(&mut file, |record, data| {
        if record.is_zeros {
            write_zeros(replica, record.offset, record.length)
        } else {
            replica.write_all_at(data, record.offset)
        }
    })?;
    if replica.metadata()?.len() < size {
        replica.set_len(size)?;
    }
    replica.sync_all()?;
    Ok(header)
}

/// Makes a part of a file zeros, which take no room where that can be.
///
/// # Errors
/// When the file cannot be written.
pub fn write_zeros(file: &File, offset: u64, length: u64) -> io::Result<()> {
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if fallocate(file, punch, offset, length).is_ok() {
        return Ok(());
    }
    let zeros = vec![0; usize::try_from(length.min(LONGEST)).unwrap_or_default()];
    let (mut offset, end) = (offset, offset + length);
    while offset < end {
        let some = &zeros[..zeros.len().min(usize::try_from(end - offset).unwrap_or(usize::MAX))];
        file.write_all_at(some, offset)?;
        offset += some.len() as u64;
    }
    Ok(())
}

/// So many bytes of a file; what lies behind its end is zeros.
///
/// # Errors
/// When the file cannot be read.
pub fn read_padded(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut data = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < data.len() {
        match file.read_at(&mut data[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(data)
}

/// Reads a log, record by record; returns when the replica was written last, and where the whole records end.
fn read(
    file: &mut File,
    mut each: impl FnMut(Record, &[u8]) -> io::Result<()>,
) -> io::Result<(SystemTime, u64)> {
    let no_log = || io::Error::new(io::ErrorKind::InvalidData, "this is no undo log");
    let mut reader = io::BufReader::new(file);
    let mut header = [0; HEADER_LENGTH];
    reader.read_exact(&mut header).map_err(|_| no_log())?;
    let written = header.strip_prefix(&MAGIC).and_then(number).ok_or_else(no_log)?;
    let mut end = HEADER_LENGTH as u64;
    let mut data = Vec::new();
    while let Some(record) = next_record(&mut reader, &mut data)? {
        each(record, &data)?;
        end += (RECORD_HEADER_LENGTH + data.len()) as u64;
    }
    Ok((UNIX_EPOCH + Duration::from_secs(written), end))
}

/// The next record, and its data; `None` where the whole ones end.
fn next_record(reader: &mut impl Read, data: &mut Vec<u8>) -> io::Result<Option<Record>> {
    let mut header = [0; RECORD_HEADER_LENGTH];
    if !is_filled(reader, &mut header)? {
        return Ok(None);
    }
    let (Some(offset), Some(length)) = (number(&header), number(&header[8..])) else {
        return Ok(None);
    };
    let kind = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
    let checksum = u32::from_le_bytes([header[20], header[21], header[22], header[23]]);
    if length > LONGEST || ![ZEROS, DATA].contains(&kind) {
        return Ok(None);
    }
    let is_zeros = kind == ZEROS;
    data.resize(if is_zeros { 0 } else { usize::try_from(length).unwrap_or_default() }, 0);
    if !is_filled(reader, data)? {
        return Ok(None);
    }
    let mut computed = crc32fast::Hasher::new();
    computed.update(&header[..20]);
    computed.update(data);
    Ok((computed.finalize() == checksum).then_some(Record { offset, length, is_zeros }))
}

fn is_filled(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes))
}

/// A set of blocks of a file.
#[derive(Debug)]
struct BlockSet {
    /// A bit for each.
    words: Vec<u64>,
    blocks: u64,
}

impl BlockSet {
    fn new(size: u64) -> Self {
        let blocks = size.div_ceil(BLOCK);
        let words = usize::try_from(blocks.div_ceil(64)).unwrap_or_default();
        Self { words: vec![0; words], blocks }
    }

    /// The word and the bit of a block.
    fn place(block: u64) -> (usize, u64) {
        (usize::try_from(block / 64).unwrap_or(usize::MAX), 1 << (block % 64))
    }

    fn contains(&self, block: u64) -> bool {
        let (word, bit) = Self::place(block);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// The blocks of a range begin and end where blocks do.
    fn insert(&mut self, offset: u64, length: u64) {
        for block in offset / BLOCK..(offset + length).div_ceil(BLOCK) {
            let (word, bit) = Self::place(block);
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// The runs of blocks (offset and length) that touch a range and are missing. There are none behind the end of the file.
    fn gaps(&self, (offset, length): (u64, u64)) -> Vec<(u64, u64)> {
        let last = offset.saturating_add(length).div_ceil(BLOCK).min(self.blocks);
        let mut gaps: Vec<(u64, u64)> = Vec::new();
        for block in (offset / BLOCK..last).filter(|block| !self.contains(*block)) {
            match gaps.last_mut() {
                Some((start, length)) if *start + *length == block * BLOCK => *length += BLOCK,
                Some(_) | None => gaps.push((block * BLOCK, BLOCK)),
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const SIZE: u64 = 40 * BLOCK;

    struct Replica {
        directory: tempfile::TempDir,
        file: File,
    }

    impl Replica {
        /// Some data, a hole, and data again.
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("replica");
            let file = File::options().create_new(true).read(true).write(true).open(path).unwrap();
            file.set_len(SIZE).unwrap();
            file.write_all_at(&vec![7; 3 * BLOCK as usize], 0).unwrap();
            file.write_all_at(b"end", SIZE - 3).unwrap();
            Self { directory, file }
        }

        fn log(&self) -> PathBuf {
            self.directory.path().join("log")
        }

        fn content(&self) -> Vec<u8> {
            read_padded(&self.file, 0, SIZE).unwrap()
        }

        fn overwrite(&self, log: &mut UndoLog, offset: u64, length: u64) {
            log.preserve(&self.file, &[(offset, length)]).unwrap();
            let data = vec![9; usize::try_from(length).unwrap()];
            self.file.write_all_at(&data, offset).unwrap();
        }
    }

    #[test]
    fn what_was_overwritten_comes_back_also_of_a_log_that_was_continued() {
        let replica = Replica::new();
        let before = replica.content();
        UndoLog::create(&replica.log(), &replica.file).unwrap();
        let mut log = UndoLog::open(&replica.log(), SIZE).unwrap();
        replica.overwrite(&mut log, 10, 1);
        replica.overwrite(&mut log, 0, 30 * BLOCK);
        drop(log);
        let mut log = UndoLog::open(&replica.log(), SIZE).unwrap();
        // over what was kept by the first, and more
        replica.overwrite(&mut log, 5 * BLOCK, SIZE - 5 * BLOCK);
        assert_ne!(replica.content(), before);
        for _ in 0..2 {
            restore(&replica.log(), &replica.file, SIZE).unwrap();
            assert_eq!(replica.content(), before);
        }
    }

    #[test]
    fn a_record_that_is_not_whole_was_not_overwritten_yet() {
        let replica = Replica::new();
        let before = replica.content();
        UndoLog::create(&replica.log(), &replica.file).unwrap();
        let mut log = UndoLog::open(&replica.log(), SIZE).unwrap();
        replica.overwrite(&mut log, 0, BLOCK);
        let whole = fs::metadata(replica.log()).unwrap().len();
        log.preserve(&replica.file, &[(BLOCK, BLOCK)]).unwrap();
        drop(log);
        for cut in [1, BLOCK, BLOCK + RECORD_HEADER_LENGTH as u64 - 1] {
            let file = File::options().write(true).open(replica.log()).unwrap();
            file.set_len(whole + BLOCK + RECORD_HEADER_LENGTH as u64 - cut).unwrap();
            restore(&replica.log(), &replica.file, SIZE).unwrap();
            assert_eq!(replica.content(), before);
            let mut log = UndoLog::open(&replica.log(), SIZE).unwrap();
            assert_eq!(fs::metadata(replica.log()).unwrap().len(), whole);
            log.preserve(&replica.file, &[(BLOCK, BLOCK)]).unwrap();
            assert_eq!(fs::metadata(replica.log()).unwrap().len(), whole + BLOCK + 24);
        }
    }

    #[test]
    fn nothing_is_overwritten_that_could_not_be_kept_and_nothing_comes_behind_half_a_record() {
        let replica = Replica::new();
        let full = File::options().write(true).open("/dev/full").unwrap();
        let preserved = BlockSet::new(SIZE);
        let mut log = UndoLog { file: full, preserved, end: 0, is_torn: false };
        for _ in 0..2 {
            log.preserve(&replica.file, &[(0, 1), (SIZE - 1, 1)]).unwrap_err();
        }
        assert!(log.is_torn);
        UndoLog::create(&replica.log(), &replica.file).unwrap();
        let mut log = UndoLog::open(&replica.log(), SIZE).unwrap();
        log.file.write_all(b"half a record").unwrap();
        log.take_back().unwrap();
        let before = replica.content();
        replica.overwrite(&mut log, 0, BLOCK);
        restore(&replica.log(), &replica.file, SIZE).unwrap();
        assert_eq!(replica.content(), before);
    }

    #[test]
    fn a_replica_that_grew_keeps_its_size_and_a_log_that_is_none_is_refused() {
        let replica = Replica::new();
        UndoLog::create(&replica.log(), &replica.file).unwrap();
        let mut log = UndoLog::open(&replica.log(), 2 * SIZE).unwrap();
        replica.file.set_len(2 * SIZE).unwrap();
        replica.overwrite(&mut log, SIZE - BLOCK, 2 * BLOCK);
        restore(&replica.log(), &replica.file, 2 * SIZE).unwrap();
        let content = read_padded(&replica.file, SIZE - 3, BLOCK).unwrap();
        assert!(content.starts_with(b"end\0") && content[3..].iter().all(|byte| *byte == 0));
        assert_eq!(replica.file.metadata().unwrap().len(), 2 * SIZE);
        fs::write(replica.log(), "something else").unwrap();
        assert!(UndoLog::open(&replica.log(), SIZE).is_err());
        assert!(restore(&replica.log(), &replica.file, SIZE).is_err());
    }
}
