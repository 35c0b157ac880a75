//! The kinds of stores, behind what all of them do.

use crate::content::Content;
use crate::error::StoreError;
use crate::layout::{Layout, Stored};
use crate::posix::Posix;
use crate::s3::S3;
use std::io::Read;

/// Where objects are.
#[derive(Debug)]
pub(crate) enum Place {
    Posix(Posix),
    S3(S3),
}

impl Place {
    pub fn layout(&self) -> Layout {
        match self {
            Self::Posix(_) => Layout::Posix,
            Self::S3(s3) => {
                let (default, zone) = (s3.settings().bucket.clone(), s3.settings().zone.clone());
                Layout::Bucket { default, zone }
            }
        }
    }

    /// Makes ready for objects of a backup.
    pub async fn prepare(&self, stored: &Stored) -> Result<(), StoreError> {
        match self {
            Self::Posix(posix) => posix.prepare(&stored.container).await,
            Self::S3(s3) => s3.prepare(&stored.container).await,
        }
    }

    /// The names of a backup's objects.
    pub async fn list(&self, stored: &Stored) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Posix(posix) => posix.list(&stored.container, &stored.prefix).await,
            Self::S3(s3) => s3.list(&stored.container, &stored.prefix).await,
        }
    }

    /// Opens an object, which blocks.
    pub fn open(&self, stored: &Stored, name: &str) -> Result<Box<dyn Read + Send>, StoreError> {
        match self {
            Self::Posix(posix) => posix.open(&stored.container, name),
            Self::S3(s3) => s3.open(&stored.container, name),
        }
    }

    /// Writes an object, whole or not at all; one of that name is replaced.
    pub async fn put(
        &self,
        stored: &Stored,
        name: &str,
        content: &Content,
    ) -> Result<(), StoreError> {
        match self {
            Self::Posix(posix) => posix.put(&stored.container, name, content).await,
            Self::S3(s3) => s3.put(&stored.container, name, content).await,
        }
    }

    /// Returns when all that was put will be there whatever happens.
    pub async fn settle(&self, stored: &Stored) -> Result<(), StoreError> {
        match self {
            Self::Posix(posix) => posix.settle(&stored.container).await,
            Self::S3(_) => Ok(()),
        }
    }

    /// Removes a backup's objects.
    pub async fn remove_all(&self, stored: &Stored) -> Result<(), StoreError> {
        match self {
            Self::Posix(posix) => posix.remove_all(&stored.container, &stored.prefix).await,
            Self::S3(s3) => s3.remove_all(&stored.container, &stored.prefix).await,
        }
    }

    /// Removes what a backup was in, if nothing else is in it and nobody has given it a name.
    pub async fn remove_container(&self, stored: &Stored) -> Result<(), StoreError> {
        match self {
            Self::Posix(posix) => posix.remove_container(&stored.container).await,
            Self::S3(_) => Ok(()),
        }
    }
}
