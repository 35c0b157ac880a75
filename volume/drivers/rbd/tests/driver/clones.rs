//! Clones: they have the content of what they were made of, and outlive it.

use crate::test_pools::{IMAGE, TestPool};
use driver::conformance::rows::{replicated_volume, snapshot, volume};
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

#[tokio::test]
async fn an_image_that_is_in_the_cluster_already_is_cloned() {
    let (pool, address) = TestPool::beside_images();
    let driver = pool.started().await;
    let images = driver.images().unwrap();
    let content = pool.digest_of(&format!("{}-images/{IMAGE}@snap", pool.name()));
    let (same, larger, mirrored) = (volume(1), volume(2), replicated_volume(1));
    for fence in [Fence(1), Fence(2)] {
        let elsewhere = address.replace("rbd://", "rbd://of-another-cluster-");
        let addresses = [elsewhere, address.clone()];
        assert!(images.clone_image(&same, IMAGE, &addresses, fence).await.unwrap());
    }
    assert_eq!(pool.digest(&same), content);
    assert!(pool.info(&same).contains("\"parent\""), "nothing is copied");
    assert!(
        images.clone_image(&larger, IMAGE, std::slice::from_ref(&address), Fence(1)).await.unwrap()
    );
    assert!(pool.info(&larger).contains("\"size\":2147483648"));
    assert!(
        images
            .clone_image(&mirrored, IMAGE, std::slice::from_ref(&address), Fence(1))
            .await
            .unwrap()
    );
    assert!(!pool.info(&mirrored).contains("\"parent\""), "it would be mirrored with that alone");

    // what is elsewhere, or of nobody's concern
    let none = volume(1);
    for other in
        [vec![], vec![address.replace("-images/", "/")], vec![address.replace("rbd:", "file:")]]
    {
        assert!(!images.clone_image(&none, IMAGE, &other, Fence(1)).await.unwrap(), "{other:?}");
    }
    let without = pool.worker_with(|config| config.rbd.rbd_image_pools.clear());
    without.start(&model::Side::Primary, 1).await.unwrap();
    assert!(
        !without
            .images()
            .unwrap()
            .clone_image(&none, IMAGE, std::slice::from_ref(&address), Fence(1))
            .await
            .unwrap()
    );
    let large = format!("{}-images/{IMAGE}", pool.name());
    pool.rbd(&["resize", "--size", "3G", "--no-progress", &large]);
    pool.rbd(&["snap", "create", "--no-progress", &format!("{large}@large")]);
    let refused =
        images.clone_image(&none, IMAGE, &[address.replace("/snap", "/large")], Fence(2)).await;
    assert!(refused.unwrap_err().to_string().contains("more than the volume"));
    for volume in [&same, &larger, &mirrored, &none] {
        driver.delete_volume(volume, Fence(9)).await.unwrap();
    }
    assert_eq!(pool.names(&["ls"]), "");
}
