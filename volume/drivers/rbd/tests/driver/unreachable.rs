//! That nothing is found where nothing can be asked is no proof that nothing is there.

use crate::test_pools::TestPool;
use configuration::ReplicationDevice;
use driver::conformance::rows::{snapshot, volume};
use driver::conformance::storage::Storage;
use driver::{Driver, DriverError, Fence};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

async fn no_removal_succeeds(driver: Arc<dyn Driver>) -> Vec<DriverError> {
    let volume = volume(1);
    let removed = driver.delete_volume(&volume, Fence(1)).await;
    let snapshot = driver.delete_snapshot(&snapshot(&volume), Fence(1)).await;
    [removed, snapshot].into_iter().map(|result| result.unwrap_err()).collect()
}

#[tokio::test]
async fn a_pool_that_is_not_there_has_not_lost_its_volumes() {
    let pool = TestPool::new();
    let driver = pool.worker_with(|config| config.rbd.rbd_pool = "nowhere".to_owned());
    no_removal_succeeds(driver).await;
}

#[tokio::test]
async fn a_cluster_that_nothing_is_known_of_has_not_lost_its_volumes() {
    let pool = TestPool::new();
    let nowhere = PathBuf::from("/nowhere/ceph.conf");
    no_removal_succeeds(pool.worker_with(|config| config.rbd.rbd_ceph_conf = nowhere)).await;
}

/// The copies of a drill are removed without a claim: that nothing is found there is judged by the image alone.
#[tokio::test]
async fn what_cannot_be_looked_for_is_not_taken_for_removed() {
    let pool = TestPool::new();
    let remove = async |pool_name: &str| {
        let driver = pool.worker_with(|config| {
            let target = ReplicationDevice {
                backend_id: "b".to_owned(),
                conf: Some(config.rbd.rbd_ceph_conf.clone()),
                ..ReplicationDevice::default()
            };
            config.replication_device = vec![target];
            config.rbd.rbd_pool = pool_name.to_owned();
        });
        driver.replication().unwrap().remove_copies("b", &[volume(1).id]).await
    };
    remove(pool.name()).await.unwrap();
    remove("nowhere").await.unwrap_err();
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_waited_for_as_long_as_is_configured() {
    let pool = TestPool::new();
    let directory = tempfile::tempdir().unwrap();
    let conf = directory.path().join("ceph.conf");
    let keyring = pool.keyring();
    let keyring = keyring.display();
    // nobody listens there
    let text = format!("[global]\nmon host = 127.0.0.1:1\nkeyring = {keyring}\n");
    std::fs::write(&conf, text).unwrap();
    let driver = pool.worker_with(|config| {
        config.rbd.rbd_ceph_conf = conf;
        config.rbd.rados_connect_timeout = 1;
    });
    let began = Instant::now();
    let errors = no_removal_succeeds(driver).await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    for error in errors {
        assert!(matches!(error, DriverError::Transient(_)), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_removed() {
    let pool = TestPool::new();
    let driver = pool.started().await;
    let volume = volume(1);
    driver.delete_volume(&volume, Fence(1)).await.unwrap();
    driver.delete_snapshot(&snapshot(&volume), Fence(1)).await.unwrap();
    driver.create_volume(&volume, Fence(2)).await.unwrap();
    driver.delete_snapshot(&snapshot(&volume), Fence(3)).await.unwrap();
}
