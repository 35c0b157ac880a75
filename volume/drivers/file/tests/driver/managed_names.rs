//! The names under which files can be managed.

use crate::test_arrays::{ExportProtocol, TestArrays};
use driver::conformance::rows::volume;
use driver::conformance::storage::Storage;
use driver::{DriverError, Fence};
use std::fs;

#[tokio::test]
async fn a_name_that_is_taken_or_leads_elsewhere_is_refused() {
    let arrays = TestArrays::new(ExportProtocol::Nbd);
    let driver = arrays.started().await;
    let manage = driver.manage().unwrap();
    fs::write(arrays.path().join("volumes/legacy.img"), b"data").unwrap();
    fs::write(arrays.path().join("outside"), b"data").unwrap();
    let volume_of_legacy = volume(1);
    manage.manage_volume(&volume_of_legacy, "legacy.img", Fence(1)).await.unwrap();
    for name in ["legacy.img", "../outside", ".", ""] {
        let refused = manage.manage_volume(&volume(1), name, Fence(1)).await;
        assert!(matches!(refused, Err(DriverError::Failed(_))), "{name}: {refused:?}");
    }
    let file = arrays.path().join(format!("volumes/volume-{}", volume_of_legacy.id));
    let content = fs::read(file).unwrap();
    assert_eq!((&content[..4], content.len()), (b"data".as_slice(), 1 << 30));
}
