//! The fake driver conforms.

use cinderblock_driver_fake::FakeDriver;
use configuration::{BackendConfig, DriverName, ReplicationDevice};
use driver::Driver;
use driver::conformance::storage::{Storage, TARGETS};
use model::Capability;
use std::sync::Arc;

/// Memory, of each worker its own.
struct Memory(BackendConfig);

impl Memory {
    fn new() -> Self {
        let target = |name: &&str| ReplicationDevice {
            backend_id: (*name).to_owned(),
            ..ReplicationDevice::default()
        };
        let replication_device = TARGETS.iter().map(target).collect();
        Self(BackendConfig {
            driver: DriverName::Fake,
            replication_device,
            ..BackendConfig::default()
        })
    }
}

impl Storage for Memory {
    fn worker(&self) -> Arc<dyn Driver> {
        Arc::new(FakeDriver::new("b", &self.0))
    }
}

driver::conformance!(crate::Memory::new(); volumes, exports, manage, migration, replication);

#[test]
fn each_capability_has_its_suite_above() {
    // of what a volume has, nothing is kept
    let keeps_content =
        |capability: &&Capability| matches!(**capability, Capability::Images | Capability::Backup);
    let has_suite: Vec<_> =
        Capability::ALL.iter().filter(|one| !keeps_content(one)).copied().collect();
    let capabilities = driver::capabilities(&*Memory::new().worker());
    assert!(has_suite.iter().all(|one| capabilities.contains(one)));
    assert_eq!(capabilities.len(), has_suite.len() + 2);
}
