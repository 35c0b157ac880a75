//! Errors that may reach a client.
//!
//! Lower layers have their own small errors and convert at their boundary. An [`Error`] keeps two
//! texts apart: the public one, which a client sees, and the internal source, which only the log
//! of the process that made it sees. Of an error only kind and public text cross the bus.

mod kind;

pub use kind::ErrorKind;
use serde::{Deserialize, Serialize};

/// The result of anything that may fail towards a client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// An error with a text for the client and, if there is one, a cause for the log.
#[derive(Debug, Serialize, Deserialize)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    #[serde(skip)]
    source: Option<BoxedError>,
}

impl Error {
    /// An error with its public text.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// A 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// A 503: some part does not answer now.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A defect: the client gets a fixed text, the log gets the cause.
    pub fn internal(source: impl Into<BoxedError>) -> Self {
        Self::new(
            ErrorKind::Internal,
            "The server has either erred or is incapable of performing the requested operation.",
        )
        .caused_by(source)
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxedError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text for the client.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The cause with everything below it, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        let mut next: Option<&(dyn std::error::Error + 'static)> =
            self.source.as_deref().map(|source| source as _);
        next?;
        let mut chain = Vec::new();
        while let Some(error) = next {
            chain.push(error.to_string());
            next = error.source();
        }
        chain.dedup();
        Some(chain.join(": "))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
