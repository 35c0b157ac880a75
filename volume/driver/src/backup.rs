//! The capability to give the content of volumes to backups, and to take it from them.

use crate::error::DriverError;
use crate::fence::Fence;
use crate::volumes::CloneSource;
use async_trait::async_trait;
use model::{Side, Volume};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The content of a volume or a snapshot, from its beginning on: as many bytes as it has. Fewer mean that it could not be read.
pub type Content = Box<dyn AsyncRead + Send + Unpin>;

/// Contents are read and written as a whole. A backup service calls these beside the backend's workers, from a process of its own.
#[async_trait]
pub trait Backup: Send + Sync {
    /// Gets ready to work beside the backend's workers on this side, which serves in this epoch. Unlike [`crate::Volumes::start`] it starts
    /// nothing, and repairs nothing. Fails when the side does not serve in that epoch.
    async fn join(&self, active: &Side, epoch: i64) -> Result<(), DriverError>;

    /// The content of a snapshot, or of a volume that no server uses. Nobody else changes it while the result lives.
    async fn read_content(
        &self,
        source: CloneSource<'_>,
        fence: Fence,
    ) -> Result<Content, DriverError>;

    /// Gives a volume that is there, and that no server uses, this content in place of its own; what is beyond is zeros. It keeps its
    /// snapshots. When this fails, nothing is sure of what it has.
    async fn write_content(
        &self,
        volume: &Volume,
        content: Content,
        fence: Fence,
    ) -> Result<(), DriverError>;
}

/// Reads until the part is full, or everything was read; returns how much that is.
///
/// # Errors
/// When the content cannot be read.
pub async fn fill(content: &mut Content, part: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < part.len() {
        match content.read(&mut part[length..]).await? {
            0 => break,
            read => length += read,
        }
    }
    Ok(length)
}
