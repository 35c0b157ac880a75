//! The rbd driver conforms.

use crate::test_pools::TestPool;
use driver::conformance::storage::Storage;
use model::Capability;

driver::conformance!(crate::test_pools::TestPool::new(); volumes, exports, manage);

#[test]
fn each_capability_has_its_suite_above() {
    let has_suite = [Capability::Volumes, Capability::Exports, Capability::Manage];
    assert_eq!(driver::capabilities(&*TestPool::new().worker()), has_suite);
}
