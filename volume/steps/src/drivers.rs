//! The drivers that there are: the only file of the worker that names them.

use configuration::{BackendConfig, DriverName};
use driver::Driver;
use driver_fake::FakeDriver;
use driver_file::FileDriver;
use driver_rbd::RbdDriver;
use model::BackendId;
use std::sync::Arc;

/// The driver for a section of the configuration.
pub fn driver(name: &str, config: &BackendConfig, backend: BackendId) -> Arc<dyn Driver> {
    match config.driver {
        DriverName::File => Arc::new(FileDriver::new(name, config, backend)),
        DriverName::Rbd => Arc::new(RbdDriver::new(name, config, backend)),
        DriverName::Fake => Arc::new(FakeDriver::new(name, config)),
    }
}
