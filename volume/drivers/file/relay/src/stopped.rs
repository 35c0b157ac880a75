//! Why work on a replica ended before its end.

use std::io;

/// Why a comparison or a verification ended before its end.
pub(crate) enum Stopped {
    /// The link is not the one that counts any more.
    LinkLost,
    /// A file cannot be read or written.
    Failed(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
