//! Why a backup cannot be written, read or removed.

use std::io::{self, ErrorKind};

/// Why the store did not do what it was asked for. The texts are for administrators; no credentials are in them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or answers that something is wrong with it: another attempt may succeed.
    #[error("the backup store is not available: {0}")]
    Unavailable(String),
    /// What should be there is not.
    #[error("{0} is not in the backup store")]
    Missing(String),
    /// What is there is not what was written.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// An increment cannot be made on this parent, or this crate does not read what another program has written.
    #[error("{0}")]
    Incompatible(String),
    /// The store has no room left.
    #[error("the backup store is full")]
    Full,
    /// It cannot be read or written, and another attempt would not change that.
    #[error("the backup store: {0}")]
    Io(#[source] io::Error),
    /// The content that is to be backed up cannot be read.
    #[error("the volume's content: {0}")]
    Content(#[source] io::Error),
    /// It was asked for what no store does.
    #[error("{0}")]
    Invalid(String),
}

impl From<io::Error> for StoreError {
    /// What went wrong; an error of this crate that was in it comes out again.
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) if is_full(error.kind()) => Self::Full,
            Err(error) if may_pass(error.kind()) => Self::Unavailable(error.to_string()),
            Err(error) => Self::Io(error),
        }
    }
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        Self::other(error)
    }
}

fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Whether it is what a file system on the network says when its server is away.
fn may_pass(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TimedOut
            | ErrorKind::StaleNetworkFileHandle
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::ResourceBusy
    )
}

/// Runs what computes for long, or waits for a disk, beside the threads of the runtime.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(StoreError::Io(io::Error::other(error))),
    }
}
