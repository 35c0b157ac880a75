//! Clones: they have the content of what they were made of, and outlive it.

use crate::test_pools::TestPool;
use driver::conformance::rows::{snapshot, volume};
use driver::conformance::storage::Storage;
use driver::{CloneSource, Fence};

#[tokio::test]
async fn a_clone_outlives_what_it_was_made_of_and_then_nothing_is_left() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let original = volume(1);
    driver.create_volume(&original, Fence(1)).await.unwrap();
    pool.write(&original);
    let content = pool.digest(&original);
    let kept = snapshot(&original);
    driver.create_snapshot(&kept, Fence(2)).await.unwrap();
    let copies = [volume(1), volume(1)];
    let sources = [CloneSource::Snapshot(&kept), CloneSource::Volume(&original)];
    for (copy, source) in copies.iter().zip(sources) {
        driver.create_volume_like(copy, source, Fence(3)).await.unwrap();
    }
    driver.delete_snapshot(&kept, Fence(4)).await.unwrap();
    driver.delete_volume(&original, Fence(5)).await.unwrap();
    // another worker may have deleted it
    driver.delete_volume(&original, Fence(6)).await.unwrap();
    for copy in &copies {
        assert_eq!(pool.digest(copy), content);
        assert_ne!(pool.names(&["trash", "ls"]), "", "the clones need it");
        driver.delete_volume(copy, Fence(7)).await.unwrap();
    }
    assert_eq!(driver.report().await.unwrap().pools[0].total_volumes, 0);
    assert_eq!(pool.names(&["trash", "ls"]), "", "nobody needs it");
    assert_eq!(pool.names(&["ls"]), "");
}

#[tokio::test]
async fn a_clone_is_larger_than_its_source_where_that_is_asked_for() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let (original, copy) = (volume(1), volume(3));
    driver.create_volume(&original, Fence(1)).await.unwrap();
    driver.create_volume_like(&copy, CloneSource::Volume(&original), Fence(2)).await.unwrap();
    assert!(pool.info(&copy).contains("\"size\":3221225472"));
}

#[tokio::test]
async fn clones_do_not_stand_on_more_images_than_is_allowed() {
    let pool = TestPool::new();
    let driver = pool.worker_with(|config| config.rbd.rbd_max_clone_depth = 2);
    driver.start(&model::Side::Primary, 1).await.unwrap();
    let generations: Vec<_> = (0..4).map(|_| volume(1)).collect();
    driver.create_volume(&generations[0], Fence(1)).await.unwrap();
    pool.write(&generations[0]);
    for pair in generations.windows(2) {
        let source = CloneSource::Volume(&pair[0]);
        driver.create_volume_like(&pair[1], source, Fence(2)).await.unwrap();
    }
    let stands: Vec<_> =
        generations.iter().map(|one| pool.info(one).contains("\"parent\"")).collect();
    assert_eq!(stands, [false, true, true, false]);
    assert_eq!(pool.digest(&generations[3]), pool.digest(&generations[0]));
}

#[tokio::test]
async fn what_an_operator_has_put_into_the_trash_stays_there() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let kept = volume(1);
    driver.create_volume(&kept, Fence(1)).await.unwrap();
    pool.rbd(&["trash", "mv", &pool.spec(&kept)]);
    driver.report().await.unwrap();
    assert_ne!(pool.names(&["trash", "ls"]), "");
}
