//! Why a driver call has not succeeded.

use disk_image::ImageError;
use model::Side;

/// Why a driver call has not succeeded.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The storage refused or is broken; the operation ends as failed. The text is for operators.
    #[error("{0}")]
    Failed(String),
    /// A transient error: the call may succeed when the operation's lease has expired and it is claimed again.
    #[error("{0}")]
    Transient(String),
    /// Another worker has claimed the operation.
    #[error("another worker has the operation by now")]
    Superseded,
}

impl DriverError {
    /// The call failed for this reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// The active side of the backend is a target that the configuration does not have.
    #[must_use]
    pub fn unknown_target(target: &Side) -> Self {
        Self::failed(format!(
            "the active side of the backend is {target}, which its configuration no longer has as a replication_device. If {target} is \
             the primary now, promote it (cinderblock-manage backend promote); otherwise restore the \
             configuration"
        ))
    }
}

impl From<ImageError> for DriverError {
    fn from(error: ImageError) -> Self {
        Self::Failed(error.to_string())
    }
}
