//! Errors of the file system, as operators read them.

use driver::DriverError;
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// A file or directory cannot be read or written.
pub(crate) fn unusable(path: &Path, error: &io::Error) -> DriverError {
    let hint = match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => " (the file system is full)",
        Some(Errno::FBIG) => " (the file system does not take files of this size)",
        _ => "",
    };
    DriverError::failed(format!("{}: {error}{hint}", path.display()))
}

/// A file system or a daemon does not answer in time.
pub(crate) fn hangs() -> DriverError {
    DriverError::failed("the storage does not answer")
}

/// Whether nobody listens on a socket.
pub(crate) fn is_nobody_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
