//! The suite of volumes and snapshots.

use crate::conformance::rows::{snapshot, volume};
use crate::conformance::storage::{Storage, count};
use crate::fence::Fence;
use crate::volumes::CloneSource;
use model::Side;

/// Each call, made twice under growing fencing tokens, ends where one would have ended.
pub async fn calls_may_be_repeated(storage: &dyn Storage) {
    let driver = storage.started().await;
    let original = volume(1);
    for fence in [Fence(1), Fence(2)] {
        driver.create_volume(&original, fence).await.unwrap();
    }
    assert_eq!(count(&*driver).await, 1);
    for fence in [Fence(3), Fence(4)] {
        driver.extend_volume(&original, 3, fence).await.unwrap();
    }
    for fence in [Fence(5), Fence(6)] {
        driver.retype_volume(&original, fence).await.unwrap();
    }
    let snapshot = snapshot(&original);
    for fence in [Fence(9), Fence(10)] {
        driver.create_snapshot(&snapshot, fence).await.unwrap();
    }
    let copies = [volume(3), volume(5)];
    let sources = [CloneSource::Snapshot(&snapshot), CloneSource::Volume(&original)];
    for (copy, source) in copies.iter().zip(sources) {
        for fence in [Fence(11), Fence(12)] {
            driver.create_volume_like(copy, source, fence).await.unwrap();
        }
    }
    assert_eq!(count(&*driver).await, 3);
    for fence in [Fence(13), Fence(14)] {
        driver.revert_volume(&original, &snapshot, fence).await.unwrap();
    }
    for fence in [Fence(15), Fence(16)] {
        driver.delete_snapshot(&snapshot, fence).await.unwrap();
    }
    for volume in copies.iter().chain([&original]) {
        for fence in [Fence(18), Fence(19)] {
            driver.delete_volume(volume, fence).await.unwrap();
        }
    }
    assert_eq!(count(&*driver).await, 0);
}

/// The report counts the volumes, and adds up their sizes.
pub async fn the_report_counts_volumes_and_their_sizes(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = [volume(2), volume(3)];
    for volume in &volumes {
        driver.create_volume(volume, Fence(1)).await.unwrap();
    }
    let report = driver.report().await.unwrap();
    let pool = &report.pools[0];
    assert_eq!((pool.provisioned_capacity_gb, pool.total_volumes), (5.0, 2));
    assert!(pool.total_capacity_gb >= pool.free_capacity_gb && pool.free_capacity_gb > 0.0);
    for volume in &volumes {
        driver.delete_volume(volume, Fence(2)).await.unwrap();
    }
}

/// A start on a target that the configuration does not have fails, and changes nothing.
pub async fn an_unknown_target_is_refused_and_the_primary_can_still_be_started(
    storage: &dyn Storage,
) {
    let driver = storage.worker();
    let nowhere = Side::Target("nowhere".to_owned());
    assert!(driver.start(&nowhere, 2).await.is_err());
    driver.start(&Side::Primary, 1).await.unwrap();
    driver.create_volume(&volume(1), Fence(1)).await.unwrap();
    assert_eq!(count(&*driver).await, 1);
}
