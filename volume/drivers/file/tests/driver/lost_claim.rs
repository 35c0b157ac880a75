//! Storage that outlives its worker must know a worker that lost its operation.

use crate::test_arrays::{ExportProtocol, TestArrays};
use driver::conformance::rows::volume;
use driver::conformance::storage::Storage;
use driver::{DriverError, Fence};

#[tokio::test]
async fn a_claim_that_was_lost_has_no_effect_on_files() {
    let arrays = TestArrays::new(ExportProtocol::Nbd);
    let driver = arrays.started().await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(7)).await.unwrap();
    driver.delete_volume(&volume, Fence(8)).await.unwrap();
    let late = driver.create_volume(&volume, Fence(7)).await;
    assert!(matches!(late, Err(DriverError::Superseded)), "{late:?}");
    assert_eq!(std::fs::read_dir(arrays.path().join("volumes")).unwrap().count(), 0);
}
