//! The capability to move volumes between backends.

use crate::error::DriverError;
use crate::fence::Fence;
use async_trait::async_trait;
use model::{ConnectionInfo, Volume};

/// One backend opens a volume, another one imports it.
#[async_trait]
pub trait Migration: Send + Sync {
    /// Opens the volume, which no server uses, for [`Self::import_volume`] of another backend.
    async fn open_for_import(
        &self,
        volume: &Volume,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError>;

    /// Closes the data path of [`Self::open_for_import`]; that there is none is no error.
    async fn close_after_import(&self, volume: &Volume, fence: Fence) -> Result<(), DriverError>;

    /// Makes the volume's storage with the content behind a data path that another backend has opened.
    async fn import_volume(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Removes the copy that [`Self::import_volume`] has made, complete or not; that there is none is no error.
    async fn discard_import(
        &self,
        volume: &Volume,
        connection: &ConnectionInfo,
        fence: Fence,
    ) -> Result<(), DriverError>;
}
