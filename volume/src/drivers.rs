//! The drivers that there are: the only file of the worker that names them.

use configuration::{BackendConfig, DriverName};
use driver::{Driver, DriverError};
use driver_fake::FakeDriver;
use driver_file::FileDriver;
use model::BackendId;
use std::sync::Arc;

/// The driver for a section of the configuration; an error when this process can never do what is configured.
pub(crate) fn driver(
    name: &str,
    config: &BackendConfig,
    backend: BackendId,
) -> Result<Arc<dyn Driver>, DriverError> {
    match config.driver {
        DriverName::File => Ok(Arc::new(FileDriver::new(name, config, backend)?)),
        DriverName::Fake => Ok(Arc::new(FakeDriver::new(name, config))),
    }
}
