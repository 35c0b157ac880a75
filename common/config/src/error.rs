//! Why a configuration is refused.

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or no TOML, or a value has the wrong type.
    #[error("{0}")]
    Unreadable(#[from] config::ConfigError),
    /// A key that no service knows.
    #[error("unknown key `{key}`{}", nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key, with the sections that it is in.
        key: String,
        /// The most similar known key.
        nearest: Option<String>,
    },
    /// A value that makes no sense.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The key, with the sections that it is in.
        key: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// A value that makes no sense, and the reason.
pub(crate) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key: key.into(), reason: reason.into() }
}
