//! Backups of volumes, stored as Cinder's chunked drivers store them: each of the two restores what the other one has written.
//!
//! A backup is a number of objects whose names begin with a prefix: parts of the volume's content, the hashes of its blocks, and a description.
//! An increment has those blocks only whose hashes are not those that they had in its parent. Whoever can write to a store may have written
//! anything there: what is read is bounded, and compared with every hash that is known.

mod backup;
mod compression;
mod content;
mod content_reader;
mod error;
mod extents;
mod hashes;
mod layout;
mod list_of_hashes;
mod metadata;
mod object_reader;
mod place;
mod posix;
mod python_json;
mod reading;
mod s3;
mod untrusted_json;
mod writing;

#[cfg(test)]
mod tests;

pub use backup::{NewBackup, Settings, Verified, Written};
pub use compression::Compression;
pub use content_reader::ContentReader;
pub use error::StoreError;
pub use layout::Stored;
pub use metadata::{Description, StoredObject};
pub use s3::S3Settings;

use error::blocking;
use place::Place;
use posix::Posix;
use reading::Reading;
use s3::S3;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use writing::Writing;

/// How many pieces of a volume wait to be taken.
const PIECES_AHEAD: usize = 2;

/// A place with backups. A clone of it is the same place.
#[derive(Clone, Debug)]
pub struct BackupStore {
    place: Arc<Place>,
    settings: Settings,
}

impl BackupStore {
    /// A store in a directory, which exists: that which Cinder calls `backup_posix_path`.
    ///
    /// # Errors
    /// When the settings are not possible.
    pub fn posix(directory: PathBuf, settings: Settings) -> Result<Self, StoreError> {
        Self::new(Place::Posix(Posix::new(directory)), settings)
    }

    /// A store in a bucket of S3. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// When the settings are not possible, or certificates cannot be read.
    pub fn s3(s3: S3Settings, settings: Settings) -> Result<Self, StoreError> {
        if settings.chunk_bytes > s3::MOST_STORED {
            let chunk = settings.chunk_bytes;
            return Err(StoreError::Invalid(format!("{chunk} is too large for an object of S3")));
        }
        Self::new(Place::S3(S3::new(s3)?), settings)
    }

    fn new(place: Place, settings: Settings) -> Result<Self, StoreError> {
        let chunk = settings.chunk_bytes;
        if chunk == 0 || !chunk.is_multiple_of(hashes::BLOCK as u64) {
            let block = hashes::BLOCK;
            return Err(StoreError::Invalid(format!("{chunk} is no multiple of {block}")));
        }
        Ok(Self { place: Arc::new(place), settings })
    }

    /// Where a new backup will be, which depends on nothing but what is known of it and the store's settings: another attempt writes to the
    /// same place.
    ///
    /// # Errors
    /// When the container that was asked for is none.
    pub fn place(&self, new: &NewBackup) -> Result<Stored, StoreError> {
        let ids = (new.id, new.volume_id);
        self.place.layout().place(ids, new.created_at, new.container.as_deref())
    }

    /// Writes a backup of a volume's content, which is read once from its beginning to its end. What another attempt has left is removed first.
    /// `progress` is told how many bytes have been read. Beside two chunks, a thousandth of the volume is in memory.
    ///
    /// When the future is dropped, what it has written stays until the backup is deleted or written again, and what is being compressed is
    /// compressed to its end. A server of S3 may then still complete the object that it was sent last: a delete that follows at once can miss it.
    ///
    /// # Errors
    /// When the content cannot be read or is not of that size, the parent does not fit, or the store fails.
    pub async fn write(
        &self,
        new: &NewBackup,
        content: &mut (dyn AsyncRead + Send + Unpin),
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Written, StoreError> {
        let stored = self.place(new)?;
        if new.volume_bytes == 0 {
            return Err(StoreError::Invalid("a volume is not empty".to_owned()));
        }
        if new.parent.is_some() != new.parent_id.is_some() {
            return Err(StoreError::Invalid("a parent has an id and a place".to_owned()));
        }
        let parent = match &new.parent {
            None => None,
            Some(parent) if *parent == stored => {
                return Err(StoreError::Invalid("a backup does not stand on itself".to_owned()));
            }
            Some(parent) => Some(self.hashes(parent.clone(), new.volume_bytes).await?),
        };
        self.place.prepare(&stored).await?;
        self.place.remove_all(&stored).await?;
        let (place, settings) = (&*self.place, self.settings);
        Writing { place, settings, new, stored, parent, progress }.write(content).await
    }

    async fn hashes(
        &self,
        parent: Stored,
        volume_bytes: u64,
    ) -> Result<Vec<hashes::BlockHash>, StoreError> {
        let place = self.checked(&parent)?;
        blocking(move || reading::hashes(&place, &parent, volume_bytes)).await
    }

    /// What is known of a backup by what stands beside its data.
    ///
    /// # Errors
    /// When it is not there or not understood, or the store fails.
    pub async fn describe(&self, stored: &Stored) -> Result<Description, StoreError> {
        let (place, stored) = (self.checked(stored)?, stored.clone());
        blocking(move || reading::describe(&place, &stored)).await
    }

    /// The content of a volume of this size, in bytes, put together of a chain of backups: the first is the one that is wanted, each of the
    /// others is that on which the one before it stands, and the last is a full one. Two MiB and one open object of each backup are in memory,
    /// and a thousandth of the volume.
    ///
    /// Objects that are read to their end are compared with their lengths and MD5s, and every block, before it is given out, with its hash
    /// where the first backup has those.
    ///
    /// # Errors
    /// When what describes the chain is not there, is not understood or contradicts itself, or the store fails.
    pub async fn open(
        &self,
        chain: &[Stored],
        volume_bytes: u64,
    ) -> Result<ContentReader, StoreError> {
        let (place, chain) = self.listed(chain).await?;
        let (sender, pieces) = mpsc::channel(PIECES_AHEAD);
        let (opened, is_open) = tokio::sync::oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let reading = match Reading::new(&place, chain, volume_bytes, false) {
                Ok(reading) => reading,
                Err(error) => return drop(opened.send(Err(error))),
            };
            drop(opened.send(Ok(())));
            let read = reading.run(|piece| sender.blocking_send(Ok(piece)).is_ok());
            if let Err(error) = read {
                drop(sender.blocking_send(Err(error)));
            }
        });
        is_open.await.map_err(|error| StoreError::Io(std::io::Error::other(error)))??;
        Ok(ContentReader { pieces, piece: bytes::Bytes::new(), left: volume_bytes })
    }

    /// Reads all of a chain's objects, and compares them with all that is known of them and of the volume. `progress` is told how many bytes of
    /// the volume have been put together.
    ///
    /// # Errors
    /// When something differs or is missing, or the store fails.
    pub async fn verify(
        &self,
        chain: &[Stored],
        volume_bytes: u64,
        progress: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Verified, StoreError> {
        let (place, chain) = self.listed(chain).await?;
        let (sender, mut lengths) = mpsc::channel(PIECES_AHEAD);
        let verifying = blocking(move || {
            let reading = Reading::new(&place, chain, volume_bytes, true)?;
            reading.run(|piece| sender.blocking_send(piece.len() as u64).is_ok())
        });
        let telling = async {
            let mut done = 0;
            while let Some(length) = lengths.recv().await {
                done += length;
                progress(done);
            }
        };
        tokio::join!(verifying, telling).0
    }

    /// Removes a backup. That there is nothing of it is no error.
    ///
    /// # Errors
    /// When the place is none of a backup's, or the store fails.
    pub async fn delete(&self, stored: &Stored) -> Result<(), StoreError> {
        let place = self.checked(stored)?;
        place.remove_all(stored).await?;
        place.remove_container(stored).await
    }

    /// The place, when it can have a backup there.
    fn checked(&self, stored: &Stored) -> Result<Arc<Place>, StoreError> {
        self.place.layout().check(stored)?;
        Ok(Arc::clone(&self.place))
    }

    /// A chain with the names of what is there of each backup.
    async fn listed(
        &self,
        chain: &[Stored],
    ) -> Result<(Arc<Place>, Vec<(Stored, Vec<String>)>), StoreError> {
        if chain.is_empty() {
            return Err(StoreError::Invalid("a chain has a backup".to_owned()));
        }
        let mut listed = Vec::new();
        for stored in chain {
            listed.push((stored.clone(), self.checked(stored)?.list(stored).await?));
        }
        Ok((Arc::clone(&self.place), listed))
    }
}
