//! Why a step of the worker's work has not succeeded: the driver or the database says so.

use database::DbError;
use driver::DriverError;
use model::Capability;

/// Why a step has not succeeded. The three cases are those of [`DriverError`].
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It failed; an operation ends with it. The text is for operators.
    #[error("{0}")]
    Failed(String),
    /// A transient error: another attempt may succeed.
    #[error("{0}")]
    Transient(String),
    /// Another worker has claimed the operation.
    #[error("another worker has the operation by now")]
    Superseded,
}

impl StepError {
    /// The step failed for this reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed(reason.into())
    }

    /// The step needs a capability that the backend's driver does not implement.
    pub fn without(capability: Capability) -> Self {
        Self::failed(format!("the driver of this backend does not implement {capability}"))
    }
}

impl From<DriverError> for StepError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Failed(reason) => Self::Failed(reason),
            DriverError::Transient(reason) => Self::Transient(reason),
            DriverError::Superseded => Self::Superseded,
        }
    }
}

impl From<DbError> for StepError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => Self::Transient(error.to_string()),
            DbError::Duplicate(_) | DbError::Defect(_) => Self::Failed(error.to_string()),
        }
    }
}
