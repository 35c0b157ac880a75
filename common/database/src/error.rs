//! What PostgreSQL's errors mean to cinderblock.

use deadpool_postgres::PoolError;
use model::error::Error;
use tokio_postgres::error::SqlState;

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It could not be asked, or not now; whether a change was made is unknown.
    #[error("the database does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A unique constraint of this name stood against it; nothing changed.
    #[error("the constraint {0} is violated")]
    Duplicate(String),
    /// The statement or its result is wrong: a defect.
    #[error("a statement failed")]
    Defect(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl DbError {
    /// Whether a lock was waited for in vain, or would have been for ever; nothing changed.
    pub(crate) fn is_about_locks(&self) -> bool {
        let Self::Unavailable(source) = self else { return false };
        let reported = source.downcast_ref::<tokio_postgres::Error>();
        let state = reported.and_then(|error| error.code());
        state == Some(&SqlState::LOCK_NOT_AVAILABLE)
            || state == Some(&SqlState::T_R_DEADLOCK_DETECTED)
    }
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(reported) = error.as_db_error() else {
            return Self::Unavailable(error.into());
        };
        let state = reported.code();
        if *state == SqlState::UNIQUE_VIOLATION {
            return Self::Duplicate(reported.constraint().unwrap_or_default().to_owned());
        }
        if is_transient(state) {
            Self::Unavailable(error.into())
        } else {
            Self::Defect(error.into())
        }
    }
}

/// Whether the same statement may succeed a little later.
fn is_transient(state: &SqlState) -> bool {
    const TRANSIENT_CLASSES: [&str; 3] = ["08", "53", "57"];
    *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
        || *state == SqlState::T_R_DEADLOCK_DETECTED
        || *state == SqlState::T_R_SERIALIZATION_FAILURE
        || TRANSIENT_CLASSES.iter().any(|class| state.code().starts_with(class))
}

/// Whether the server has become a standby: another one takes changes now.
pub(crate) fn is_standby(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION)
}

impl From<PoolError> for DbError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => Self::Unavailable(error.into()),
        }
    }
}

impl From<serde_json::Error> for DbError {
    fn from(error: serde_json::Error) -> Self {
        Self::Defect(error.into())
    }
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(_) => {
                Self::unavailable("The database does not answer.").caused_by(error)
            }
            DbError::Duplicate(_) | DbError::Defect(_) => Self::internal(error),
        }
    }
}
