//! What workers leave that die, or sleep, in the midst of their work.

use crate::test_pools::TestPool;
use driver::conformance::rows::{snapshot, volume};
use driver::conformance::storage::Storage;
use driver::{CloneSource, DriverError, Fence};
use model::Side;

#[tokio::test]
async fn a_clone_that_was_begun_is_made_anew() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let (original, copy) = (volume(1), volume(1));
    driver.create_volume(&original, Fence(1)).await.unwrap();
    pool.write(&original);
    // an image with its size and without its content, as a killed command leaves it
    let unfinished = format!("{}.unfinished", pool.spec(&copy));
    pool.rbd(&["create", "--size", "1G", &unfinished]);
    driver.create_volume_like(&copy, CloneSource::Volume(&original), Fence(2)).await.unwrap();
    assert_eq!(pool.digest(&copy), pool.digest(&original));
    assert_eq!(pool.names(&["ls"]).lines().count(), 2, "{}", pool.names(&["ls"]));
}

#[tokio::test]
async fn a_volume_is_removed_with_what_a_clone_that_was_begun_has_left() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let (original, copy) = (volume(1), volume(1));
    driver.create_volume(&original, Fence(1)).await.unwrap();
    let snapshot = format!("{}@clone-for-{}", pool.spec(&original), copy.id);
    let unfinished = format!("{}.unfinished", pool.spec(&copy));
    pool.rbd(&["snap", "create", &snapshot]);
    pool.rbd(&["clone", "--rbd-default-clone-format", "2", &snapshot, &unfinished]);
    driver.delete_volume(&copy, Fence(2)).await.unwrap();
    driver.delete_volume(&original, Fence(3)).await.unwrap();
    assert_eq!(pool.names(&["ls"]), "");
}

#[tokio::test]
async fn a_volume_with_snapshots_is_not_removed() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let kept = volume(1);
    driver.create_volume(&kept, Fence(1)).await.unwrap();
    driver.create_snapshot(&snapshot(&kept), Fence(2)).await.unwrap();
    let refused = driver.delete_volume(&kept, Fence(3)).await;
    assert!(matches!(refused, Err(DriverError::Failed(_))), "{refused:?}");
    assert!(pool.info(&kept).contains("\"snapshot_count\":1"));
}

#[tokio::test]
async fn a_worker_that_has_lost_its_claim_changes_nothing() {
    let pool = TestPool::new();
    let (sleeper, successor) = (pool.started().await, pool.started().await);
    let (lost, kept) = (volume(1), volume(1));
    successor.create_volume(&lost, Fence(2)).await.unwrap();
    successor.delete_volume(&lost, Fence(3)).await.unwrap();
    successor.create_volume(&kept, Fence(4)).await.unwrap();
    for refused in [
        sleeper.create_volume(&lost, Fence(2)).await,
        sleeper.delete_volume(&kept, Fence(3)).await,
        sleeper.extend_volume(&kept, 2, Fence(3)).await,
    ] {
        assert!(matches!(refused, Err(DriverError::Superseded)), "{refused:?}");
    }
    assert_eq!(pool.names(&["ls"]).lines().count(), 1);
    // the newest of many claims is still known when the old ones are forgotten
    for claim in 5..40 {
        successor.extend_volume(&kept, 2, Fence(claim)).await.unwrap();
    }
    let refused = sleeper.extend_volume(&kept, 3, Fence(38)).await;
    assert!(matches!(refused, Err(DriverError::Superseded)), "{refused:?}");
}

#[tokio::test]
async fn a_worker_of_an_older_epoch_does_not_start() {
    let pool = TestPool::new();
    pool.worker().start(&Side::Primary, 7).await.unwrap();
    let refused = pool.worker().start(&Side::Primary, 6).await.unwrap_err().to_string();
    assert!(refused.contains("epoch 7"), "{refused}");
    pool.worker().start(&Side::Primary, 7).await.unwrap();
}
