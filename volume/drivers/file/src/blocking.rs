//! Work on files, away from the threads that must not wait.

use driver::DriverError;

/// Does work on files on a thread that may wait; a panic in it is an error.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DriverError> + Send + 'static,
) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panic| Err(DriverError::failed(panic.to_string())))
}
