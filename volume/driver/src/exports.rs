//! The capability to open data paths.

use crate::error::DriverError;
use crate::fence::Fence;
use async_trait::async_trait;
use model::{AttachMode, ConnectionInfo, Connector, Volume};

/// The data paths of a backend's volumes.
#[async_trait]
pub trait Exports: Send + Sync {
    /// Opens the volume's data path and returns how the servers on a host reach it; an open one stays as it is.
    async fn export(
        &self,
        volume: &Volume,
        mode: AttachMode,
        connector: &Connector,
        fence: Fence,
    ) -> Result<ConnectionInfo, DriverError>;

    /// What the servers on a host were told lets nobody in any more, and who is in by it is cut off; the data path stays open for
    /// others. That it never did is no error.
    async fn forget_host(
        &self,
        volume: &Volume,
        mode: AttachMode,
        connector: &Connector,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Closes the volume's data path, also under servers that use it; that there is none is no error.
    async fn unexport(
        &self,
        volume: &Volume,
        mode: AttachMode,
        fence: Fence,
    ) -> Result<(), DriverError>;

    /// Starts the processes that carry the data paths, unless they run. `true` when one was started: then every data
    /// path must be opened again.
    async fn ensure_data_plane(&self) -> Result<bool, DriverError>;

    /// Opens a data path again that was open before the data plane was started. It has no fence: no operation asks
    /// for it.
    async fn restore_export(&self, volume: &Volume, mode: AttachMode) -> Result<(), DriverError>;
}
