//! A backup is written: its objects, then the hashes of the volume's blocks, then what describes it.

use crate::backup::{NewBackup, Settings, Written};
use crate::compression::Compression;
use crate::content::Content;
use crate::error::{StoreError, blocking};
use crate::hashes::{self, BLOCK, BlockHash};
use crate::layout::{self, Stored};
use crate::metadata::{self, StoredObject};
use crate::place::Place;
use bytes::{BufMut as _, Bytes};
use md5::{Digest as _, Md5};
use std::io;
use std::ops::Range;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much is read before somebody is told again, in bytes.
const STEP: usize = 16 << 20;

/// A backup that is being written.
pub(crate) struct Writing<'a> {
    pub place: &'a Place,
    pub settings: Settings,
    pub new: &'a NewBackup,
    pub stored: Stored,
    /// The hashes that the volume's blocks had when the parent was made.
    pub parent: Option<Vec<BlockHash>>,
    pub progress: &'a (dyn Fn(u64) + Send + Sync),
}

/// What has been written so far.
#[derive(Default)]
struct Done {
    objects: Vec<StoredObject>,
    hashes: Vec<BlockHash>,
    stored: u64,
    /// What the last chunk has become that had nothing but zeros, as most of a new disk: its length, and the object.
    zeros: Option<(usize, Packed)>,
}

/// A chunk that has been looked at.
struct Chunk {
    data: Bytes,
    hashes: Vec<BlockHash>,
    /// Where something is to be stored, in bytes of the chunk.
    runs: Vec<Range<usize>>,
}

/// What becomes an object.
#[derive(Clone)]
struct Packed {
    data: Bytes,
    md5: [u8; 16],
    compression: Compression,
}

impl Writing<'_> {
    /// Writes all of it.
    pub async fn write(
        self,
        content: &mut (dyn AsyncRead + Send + Unpin),
    ) -> Result<Written, StoreError> {
        let mut done = Done::default();
        let mut offset = 0;
        while offset < self.new.volume_bytes {
            let length = self.settings.chunk_bytes.min(self.new.volume_bytes - offset);
            let data = self.read_chunk(content, offset, length).await?;
            self.write_chunk(data, offset, &mut done).await?;
            offset += length;
        }
        if content.read(&mut [0]).await.map_err(StoreError::Content)? > 0 {
            return Err(StoreError::Invalid(
                "the volume is larger than it is said to be".to_owned(),
            ));
        }
        self.complete(done).await
    }

    async fn read_chunk(
        &self,
        content: &mut (dyn AsyncRead + Send + Unpin),
        offset: u64,
        length: u64,
    ) -> Result<Bytes, StoreError> {
        let length = usize::try_from(length).map_err(|_| no_memory())?;
        let mut data = Vec::new();
        data.try_reserve_exact(length).map_err(|_| no_memory())?;
        let mut told = 0;
        while data.len() < length {
            let left = length - data.len();
            let read = content.read_buf(&mut (&mut data).limit(left)).await;
            if read.map_err(StoreError::Content)? == 0 {
                return Err(StoreError::Content(io::ErrorKind::UnexpectedEof.into()));
            }
            if data.len() >= told + STEP || data.len() == length {
                told = data.len();
                (self.progress)(offset + told as u64);
            }
        }
        Ok(Bytes::from(data))
    }

    async fn write_chunk(
        &self,
        data: Bytes,
        offset: u64,
        done: &mut Done,
    ) -> Result<(), StoreError> {
        let before = self.parent.as_ref().map(|parent| {
            let from_here = parent.iter().skip(done.hashes.len());
            from_here.take(data.len().div_ceil(BLOCK)).copied().collect::<Vec<_>>()
        });
        let chunk = blocking(move || Ok(look(data, before.as_deref()))).await?;
        done.hashes.extend(chunk.hashes);
        for run in chunk.runs {
            let object_offset = offset + run.start as u64;
            self.write_object(chunk.data.slice(run), object_offset, done).await?;
        }
        Ok(())
    }

    async fn write_object(
        &self,
        data: Bytes,
        offset: u64,
        done: &mut Done,
    ) -> Result<(), StoreError> {
        let (length, compression) = (data.len() as u64, self.settings.compression);
        let known = done.zeros.as_ref().filter(|(known, _)| *known == data.len());
        let packed = match known {
            Some((_, packed)) if is_zeros(&data) => packed.clone(),
            Some(_) | None => {
                let zeros = is_zeros(&data).then_some(data.len());
                let packed = blocking(move || pack(data, compression)).await?;
                done.zeros = zeros.map(|length| (length, packed.clone())).or(done.zeros.take());
                packed
            }
        };
        let name = layout::object_name(&self.stored.prefix, done.objects.len() + 1);
        done.stored += packed.data.len() as u64;
        self.place.put(&self.stored, &name, &Content::Whole(packed.data)).await?;
        let (md5, compression) = (packed.md5, packed.compression);
        done.objects.push(StoredObject { name, offset, length, md5, compression });
        if metadata::is_describable(&done.objects) {
            return Ok(());
        }
        Err(StoreError::Incompatible(
            "what has changed is in too many places: a full backup is needed".to_owned(),
        ))
    }

    /// Writes what stands beside the data; the last object says that the others are there.
    async fn complete(self, done: Done) -> Result<Written, StoreError> {
        let list = hashes::write(self.new, done.hashes)?;
        let description = Content::of(metadata::write(self.new, &done.objects)?);
        let object_count = i32::try_from(done.objects.len())
            .map_err(|_| StoreError::Incompatible("it has too many objects".to_owned()))?;
        let prefix = &self.stored.prefix;
        self.place.put(&self.stored, &layout::hashes_name(prefix), &list).await?;
        self.place.put(&self.stored, &layout::metadata_name(prefix), &description).await?;
        self.place.settle(&self.stored).await?;
        let bytes_stored = done.stored + list.len() + description.len();
        Ok(Written { object_count, bytes_read: self.new.volume_bytes, bytes_stored })
    }
}

fn is_zeros(data: &[u8]) -> bool {
    data.iter().all(|byte| *byte == 0)
}

fn no_memory() -> StoreError {
    StoreError::Io(io::ErrorKind::OutOfMemory.into())
}

/// Finds what is to be stored of a chunk: all of it, or the blocks that had other hashes before.
fn look(data: Bytes, before: Option<&[BlockHash]>) -> Chunk {
    let hashes: Vec<_> = BlockHash::of_blocks(&data).collect();
    let whole = 0..data.len();
    let runs = before.map_or_else(|| vec![whole], |before| changed(&hashes, before, data.len()));
    Chunk { data, hashes, runs }
}

/// The runs of blocks with other hashes than before, in bytes.
fn changed(now: &[BlockHash], before: &[BlockHash], length: usize) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (block, (now, before)) in now.iter().zip(before).enumerate() {
        if now == before {
            continue;
        }
        let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(length));
        match runs.last_mut() {
            Some(run) if run.end == start => run.end = end,
            _ => runs.push(start..end),
        }
    }
    runs
}

fn pack(data: Bytes, compression: Compression) -> Result<Packed, StoreError> {
    let md5 = Md5::digest(&data).into();
    Ok(match compression.compress(&data)? {
        Some(smaller) => Packed { data: smaller, md5, compression },
        None => Packed { data, md5, compression: Compression::None },
    })
}
