//! The rbd driver conforms.

use crate::test_pools::TestPool;
use driver::conformance::storage::Storage;
use model::Capability;

driver::conformance!(crate::test_pools::TestPool::new(); volumes, exports, manage, images, backup);
driver::conformance!(crate::test_pools::TestPool::mirrored(); replication);

#[test]
fn each_capability_has_its_suite_above() {
    let moves = |capability: &&Capability| **capability == Capability::Migration;
    let has_suite: Vec<_> = Capability::ALL.iter().filter(|one| !moves(one)).copied().collect();
    assert_eq!(driver::capabilities(&*TestPool::new().worker()), has_suite);
}
