//! The driver of one backend: its configuration, and its arrays.

use crate::arrays::Arrays;
use configuration::BackendConfig;
use model::BackendId;

/// The driver of a backend whose volumes are files.
pub struct FileDriver {
    /// The section of the configuration.
    pub(crate) name: String,
    pub(crate) config: BackendConfig,
    pub(crate) arrays: Arrays,
}

impl FileDriver {
    /// The driver of a section of the configuration.
    #[must_use]
    pub fn new(name: &str, config: &BackendConfig, backend: BackendId) -> Self {
        Self { name: name.to_owned(), arrays: Arrays::new(config, backend), config: config.clone() }
    }
}
