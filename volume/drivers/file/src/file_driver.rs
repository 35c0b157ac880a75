//! The driver of one backend: its configuration, and its arrays.

use crate::arrays::Arrays;
use configuration::{BackendConfig, TargetProtocol};
use driver::DriverError;
use model::BackendId;
use rustix::process::{getegid, geteuid};

/// The driver of a backend whose volumes are files.
pub struct FileDriver {
    /// The section of the configuration.
    pub(crate) name: String,
    pub(crate) config: BackendConfig,
    pub(crate) arrays: Arrays,
}

impl FileDriver {
    /// The driver of a section of the configuration.
    ///
    /// # Errors
    /// When this process can never do what is configured.
    pub fn new(
        name: &str,
        config: &BackendConfig,
        backend: BackendId,
    ) -> Result<Self, DriverError> {
        let is_root = geteuid().is_root() && getegid().is_root();
        require_rights(config.file.target_protocol, is_root)?;
        let arrays = Arrays::new(config, backend);
        Ok(Self { name: name.to_owned(), arrays, config: config.clone() })
    }
}

/// tgtd does what a process of root's tells it, and refuses everybody else.
fn require_rights(protocol: TargetProtocol, is_root: bool) -> Result<(), DriverError> {
    match protocol {
        TargetProtocol::Iscsi if !is_root => Err(DriverError::failed(
            "file.target_protocol = \"iscsi\" needs a worker that runs as root: tgtd takes orders from root alone",
        )),
        TargetProtocol::Iscsi | TargetProtocol::Nbd => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iscsi_is_for_root() {
        assert!(require_rights(TargetProtocol::Iscsi, false).is_err());
        assert!(require_rights(TargetProtocol::Iscsi, true).is_ok());
        assert!(require_rights(TargetProtocol::Nbd, false).is_ok());
    }
}
