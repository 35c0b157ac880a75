//! The stream from which `rbd import-diff` writes to an image (Ceph's `doc/dev/rbd-diff`): here, all that a disk or a content has.

use driver::backup::{Content, fill};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// How much goes into a record, in bytes.
const MOST: u64 = 4 << 20;
/// The same for a content.
const AT_ONCE: usize = 4 << 20;
const BANNER: &[u8] = b"rbd diff v1\n";
const SIZE: u8 = b's';
const WRITE: u8 = b'w';
const ZERO: u8 = b'z';
const END: u8 = b'e';

/// Writes what makes an image of this size like the disk: its data, and zeros elsewhere.
pub(crate) fn write_whole(disk: &mut File, size: u64, to: &mut impl Write) -> io::Result<()> {
    to.write_all(BANNER)?;
    to.write_all(&[SIZE])?;
    to.write_all(&size.to_le_bytes())?;
    let length = disk.metadata()?.len();
    let mut done = 0;
    while let Some(start) = next(disk, SeekFrom::Data(done))? {
        let end = next(disk, SeekFrom::Hole(start))?.unwrap_or(length);
        zero(to, done, start)?;
        done = start;
        while done < end {
            let part = MOST.min(end - done);
            record(to, WRITE, done, part)?;
            disk.seek(io::SeekFrom::Start(done))?;
            copy_exactly(disk, to, part)?;
            done += part;
        }
    }
    zero(to, done, size)?;
    to.write_all(&[END])
}

/// Writes what makes an image of this size like a content: its data, and zeros where it has zeros and beyond.
pub(crate) async fn write_content(
    content: &mut Content,
    size: u64,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let mut head = Vec::new();
    head.extend_from_slice(BANNER);
    head.push(SIZE);
    head.extend_from_slice(&size.to_le_bytes());
    to.write_all(&head).await?;
    let mut part = vec![0; AT_ONCE];
    let mut done = 0;
    loop {
        let length = fill(content, &mut part).await?;
        let read = &part[..length];
        if read.is_empty() {
            break;
        }
        let end = done + length as u64;
        if end > size {
            return Err(io::Error::other("there is more than the image has room for"));
        }
        let mut head = Vec::new();
        if read.iter().any(|byte| *byte != 0) {
            record(&mut head, WRITE, done, end - done)?;
            to.write_all(&head).await?;
            to.write_all(read).await?;
        } else {
            record(&mut head, ZERO, done, end - done)?;
            to.write_all(&head).await?;
        }
        done = end;
    }
    let mut rest = Vec::new();
    zero(&mut rest, done, size)?;
    rest.push(END);
    to.write_all(&rest).await?;
    to.shutdown().await
}

fn zero(to: &mut impl Write, from: u64, until: u64) -> io::Result<()> {
    if from < until { record(to, ZERO, from, until - from) } else { Ok(()) }
}

fn record(to: &mut impl Write, kind: u8, offset: u64, length: u64) -> io::Result<()> {
    to.write_all(&[kind])?;
    to.write_all(&offset.to_le_bytes())?;
    to.write_all(&length.to_le_bytes())
}

fn copy_exactly(disk: &mut File, to: &mut impl Write, length: u64) -> io::Result<()> {
    let copied = io::copy(&mut disk.take(length), to)?;
    if copied == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// The next offset of data or of a hole; none behind the last data.
fn next(disk: &File, from: SeekFrom) -> io::Result<Option<u64>> {
    match rustix::fs::seek(disk, from) {
        Ok(offset) => Ok(Some(offset)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_become_zeros_and_so_does_what_is_beyond_the_disk() {
        let mut disk = tempfile::tempfile().unwrap();
        disk.set_len(1 << 20).unwrap();
        disk.seek(io::SeekFrom::Start(1 << 19)).unwrap();
        disk.write_all(&[7; 4096]).unwrap();
        let mut stream = Vec::new();
        write_whole(&mut disk, 1 << 30, &mut stream).unwrap();
        let head = [BANNER, &[SIZE], &(1_u64 << 30).to_le_bytes()].concat();
        assert!(stream.starts_with(&head));
        let mut written = 0;
        let mut rest = &stream[head.len()..];
        while rest[0] != END {
            let number = |at: usize| u64::from_le_bytes(rest[at..at + 8].try_into().unwrap());
            let (offset, length) = (number(1), number(9));
            assert_eq!(offset, written, "nothing is left out");
            written += length;
            let data = if rest[0] == WRITE { usize::try_from(length).unwrap() } else { 0 };
            assert_eq!(rest[0] == WRITE, offset == 1 << 19, "at {offset}");
            rest = &rest[17 + data..];
        }
        assert_eq!((written, rest.len()), (1 << 30, 1));
    }
}
