//! The file driver conforms, over each protocol. Replicas are written over NBD alone.

use crate::test_arrays::{ExportProtocol, TestArrays};
use driver::conformance::storage::Storage;
use model::Capability;

mod on_nbd {
    driver::conformance!(
        crate::test_arrays::TestArrays::new(crate::test_arrays::ExportProtocol::Nbd);
        volumes, exports, manage, images, backup, migration
    );
}

mod on_iscsi {
    driver::conformance!(
        crate::test_arrays::TestArrays::new(crate::test_arrays::ExportProtocol::Iscsi);
        volumes, exports, manage, images, backup, migration
    );
}

mod between_arrays {
    driver::conformance!(
        crate::test_arrays::TestArrays::replicated(crate::test_arrays::ExportProtocol::Nbd);
        replication
    );
}

#[test]
fn each_capability_has_its_suite_above() {
    let arrays = TestArrays::new(ExportProtocol::Nbd);
    assert_eq!(driver::capabilities(&*arrays.worker()), Capability::ALL);
}
