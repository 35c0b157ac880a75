//! The object with the hashes of a volume's blocks: by them, an increment is made of what has changed.

use crate::backup::NewBackup;
use crate::content::Content;
use crate::error::StoreError;
use crate::list_of_hashes::ListOfHashes;
use crate::metadata::{VERSION, time_text};
use crate::{python_json, untrusted_json};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::Read;
use std::sync::LazyLock;
use uuid::Uuid;

/// How large a block is, in bytes.
pub(crate) const BLOCK: usize = 32768;
/// How long a hash is, in bytes.
const LENGTH: usize = 32;
/// How much of the object one hash takes at most, in bytes, indented by a few.
const OF_ONE_HASH: u64 = 96;
/// What is beside the hashes at most, in bytes.
const BESIDE: u64 = 1 << 20;
/// How the array of hashes is written when it is empty; no string can contain it, for none contains the end of a line.
const NONE: &[u8] = b"\n  \"sha256s\": []";

/// The SHA-256 of a block. The last block of a volume may be shorter than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHash([u8; LENGTH]);

impl BlockHash {
    /// Those of consecutive blocks.
    pub fn of_blocks(data: &[u8]) -> impl Iterator<Item = Self> {
        data.chunks(BLOCK).map(Self::of)
    }

    /// Most of a new disk is zeros, whose hash is known.
    fn of(block: &[u8]) -> Self {
        if block == ZEROS { *OF_ZEROS } else { Self(Sha256::digest(block).into()) }
    }
}

/// A block of zeros.
static ZEROS: [u8; BLOCK] = [0; BLOCK];
/// Its hash.
static OF_ZEROS: LazyLock<BlockHash> = LazyLock::new(|| BlockHash(Sha256::digest(ZEROS).into()));

impl<'de> Deserialize<'de> for BlockHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Hexadecimal;
        impl Visitor<'_> for Hexadecimal {
            type Value = BlockHash;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("the hash of a block")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BlockHash, E> {
                let mut hash = [0; LENGTH];
                hex::decode_to_slice(text, &mut hash).map_err(|_| E::custom("it is no hash"))?;
                Ok(BlockHash(hash))
            }
        }
        deserializer.deserialize_str(Hexadecimal)
    }
}

/// How many blocks there are in so many bytes.
pub(crate) const fn blocks_of(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK as u64)
}

#[derive(Deserialize)]
struct Told {
    chunk_size: u64,
    sha256s: Vec<BlockHash>,
}

/// Reads the hashes of a volume of this size.
pub(crate) fn read(text: impl Read, volume_bytes: u64) -> Result<Vec<BlockHash>, StoreError> {
    let blocks = blocks_of(volume_bytes);
    let most = blocks.saturating_mul(OF_ONE_HASH).saturating_add(BESIDE);
    let told: Told = untrusted_json::read(text, most, "its hashes")?;
    if told.chunk_size != BLOCK as u64 {
        let size = told.chunk_size;
        return Err(StoreError::Incompatible(format!(
            "the hashes of the backup are those of blocks of {size} bytes, not {BLOCK}"
        )));
    }
    if told.sha256s.len() as u64 == blocks {
        return Ok(told.sha256s);
    }
    let of = told.sha256s.len();
    Err(StoreError::Incompatible(format!("the backup is of a volume of {of} blocks, not {blocks}")))
}

#[derive(Serialize)]
struct Text<'a> {
    backup_description: Option<&'a str>,
    backup_id: Uuid,
    backup_name: Option<&'a str>,
    chunk_size: usize,
    created_at: String,
    sha256s: [(); 0],
    version: &'a str,
    volume_id: Uuid,
}

/// The object with these hashes.
pub(crate) fn write(new: &NewBackup, hashes: Vec<BlockHash>) -> Result<Content, StoreError> {
    let text = python_json::text(&Text {
        backup_description: new.description.as_deref(),
        backup_id: new.id,
        backup_name: new.name.as_deref(),
        chunk_size: BLOCK,
        created_at: time_text(new.created_at)?,
        sha256s: [],
        version: VERSION,
        volume_id: new.volume_id,
    })?;
    let at = text.windows(NONE.len()).position(|window| window == NONE);
    let (Some(at), false) = (at, hashes.is_empty()) else { return Ok(Content::of(text)) };
    let (before, rest) = text.split_at(at);
    let (array, after) = rest.split_at(NONE.len());
    let before = [before, array.strip_suffix(b"]").unwrap_or(array)].concat();
    let after = [b"\n  ]", after].concat();
    Ok(Content::Hashes(ListOfHashes {
        before: before.into(),
        hashes: hashes.into_iter().map(|hash| hash.0).collect(),
        after: after.into(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_written_as_python_would_and_come_back() {
        let new = NewBackup::of_tests(3 * BLOCK as u64);
        let data: Vec<u8> = (0..3 * BLOCK).map(|at| (at / 300) as u8).collect();
        let hashes: Vec<_> = BlockHash::of_blocks(&data).collect();
        for hashes in [hashes.clone(), hashes.repeat(9000), hashes[..1].to_vec()] {
            let content = write(&new, hashes.clone()).unwrap();
            let text: Vec<u8> = content.pieces().flatten().collect();
            assert_eq!(text.len() as u64, content.len());
            let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert!(text == python_json::text(&value).unwrap());
            let read = read(&text[..], (hashes.len() * BLOCK) as u64).unwrap();
            assert!(read == hashes);
        }
    }
}
