//! Backups are written to a directory, damaged and read.

mod cinder;
mod damage;
mod hostile;
mod random;
mod round_trip;
mod s3;

use crate::{BackupStore, Compression, NewBackup, Settings, StoreError, Stored, Written};
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use time::macros::datetime;
use tokio::io::AsyncReadExt as _;
use uuid::Uuid;

/// Three blocks: some of the chunks are not full.
const CHUNK: u64 = 3 * 32768;
/// Eleven chunks, a block and a part of one.
const VOLUME: usize = 11 * 3 * 32768 + 32768 + 12345;

impl NewBackup {
    /// A full one.
    pub(crate) fn of_tests(volume_bytes: u64) -> Self {
        Self {
            id: Uuid::new_v4(),
            volume_id: Uuid::from_u128(7),
            name: Some("ä name".to_owned()),
            description: None,
            created_at: datetime!(2026-01-02 03:04:05.6 UTC),
            volume_bytes,
            volume_meta: json!({ "version": 2 }),
            container: None,
            parent: None,
            parent_id: None,
        }
    }
}

/// A directory with backups, and a volume of which they are made.
struct Rig {
    directory: TempDir,
    store: BackupStore,
    volume: Vec<u8>,
}

impl Rig {
    fn new(compression: Compression) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = Settings { chunk_bytes: CHUNK, compression };
        let store = BackupStore::posix(directory.path().to_owned(), settings).unwrap();
        Self { directory, store, volume: content(1) }
    }

    async fn write(&self, new: &NewBackup) -> Result<Written, StoreError> {
        self.store.write(new, &mut &self.volume[..], &|_| ()).await
    }

    /// Writes a full backup, or one that stands on another.
    async fn back_up(&self, parent: Option<&NewBackup>) -> NewBackup {
        let mut new = NewBackup::of_tests(self.volume.len() as u64);
        new.parent_id = parent.map(|parent| parent.id);
        new.parent = parent.map(|parent| self.stored(parent));
        self.write(&new).await.unwrap();
        new
    }

    fn stored(&self, new: &NewBackup) -> Stored {
        self.store.place(new).unwrap()
    }

    fn chain(&self, backups: &[&NewBackup]) -> Vec<Stored> {
        backups.iter().map(|backup| self.stored(backup)).collect()
    }

    async fn read(&self, backups: &[&NewBackup]) -> Result<Vec<u8>, StoreError> {
        let (chain, mut content) = (self.chain(backups), Vec::new());
        let mut reader = self.store.open(&chain, self.volume.len() as u64).await?;
        reader.read_to_end(&mut content).await?;
        Ok(content)
    }

    async fn verify(&self, backups: &[&NewBackup]) -> Result<crate::Verified, StoreError> {
        let chain = self.chain(backups);
        self.store.verify(&chain, self.volume.len() as u64, &|_| ()).await
    }

    /// A file of a backup, by what follows the prefix.
    fn file(&self, new: &NewBackup, end: &str) -> PathBuf {
        let stored = self.stored(new);
        self.directory.path().join(stored.container).join(format!("{}{end}", stored.prefix))
    }

    /// Overwrites a part of the volume, with what depends on the seed.
    fn change(&mut self, offset: usize, length: usize, seed: u64) {
        let new = content(seed);
        self.volume[offset..][..length].copy_from_slice(&new[offset..][..length]);
    }
}

/// Bytes that look random, beside runs of zeros and of text.
fn content(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut content = Vec::with_capacity(VOLUME);
    while content.len() < VOLUME {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let length = 1000 + (state >> 32) as usize % 70_000;
        match state % 3 {
            0 => content.resize(content.len() + length, 0),
            1 => content.extend(format!("text {state} ").bytes().cycle().take(length)),
            _ => content.extend((0..length).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })),
        }
    }
    content.truncate(VOLUME);
    content
}

/// What whoever runs a test says of his servers.
#[expect(clippy::disallowed_methods, reason = "whoever runs the test has a server")]
fn environment(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

/// The names in a directory, hidden ones too.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
