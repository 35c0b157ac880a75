//! Replicas that are not what they should be.

use crate::test_pools::{TestPool, WritingClient};
use driver::conformance::rows::{replicated_volume, snapshot};
use driver::conformance::storage::Storage;
use driver::{Driver, Fence, Replica, Verified};
use model::{AttachMode, ReplicatedVolume, VerificationRequest, Volume};
use serde_json::Value;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long a replica may take to be made, and to be compared.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks at a volume's replica until there is what is looked for.
async fn until_some<T>(
    driver: &dyn Driver,
    volume: &Volume,
    verification: Option<VerificationRequest>,
    find: impl Fn(&Replica) -> Option<T>,
) -> T {
    let volumes = [ReplicatedVolume { verification, ..ReplicatedVolume::from(volume) }];
    let looking = async {
        loop {
            let replicas = driver.replication().unwrap().replicate(&volumes).await.unwrap();
            if let Some(found) = replicas.each.iter().find_map(&find) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it comes to that in time")
}

async fn verified(driver: &dyn Driver, volume: &Volume, repair: bool) -> u64 {
    let asked = VerificationRequest { id: Uuid::new_v4(), repair };
    let Verified { id, differing_bytes } =
        until_some(driver, volume, Some(asked), |replica| replica.verified).await;
    assert_eq!(id, asked.id);
    differing_bytes
}

#[tokio::test]
async fn what_differs_is_found_and_made_anew() {
    let pool = TestPool::mirrored();
    let driver = pool.started().await;
    let volume = replicated_volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    pool.write(&volume);
    until_some(&*driver, &volume, None, |replica| replica.age).await;
    assert_eq!(verified(&*driver, &volume, false).await, 0);

    // something on the target has written to it behind the back of the mirror
    let info: Value = serde_json::from_str(&pool.target().info(&volume)).unwrap();
    let objects = pool.target().rados(&["-p", pool.name(), "ls"]);
    let prefix = info["block_name_prefix"].as_str().unwrap();
    let object = objects.lines().find(|name| name.starts_with(prefix)).expect("it has content");
    let put = ["-p", pool.name(), "put", object, "/usr/bin/sha256sum"];
    pool.target().rados(&put);
    let found = verified(&*driver, &volume, false).await;
    assert!(found > 0, "nothing was found");
    assert!(verified(&*driver, &volume, true).await > 0);
    let repaired = async { while verified(&*driver, &volume, false).await > 0 {} };
    tokio::time::timeout(PATIENCE, repaired).await.expect("it is made anew in time");
}

/// The mirror daemons watch every image that they mirror: they are no clients that could be cut off.
#[tokio::test]
async fn mirroring_goes_on_when_a_client_is_cut_off() {
    let pool = TestPool::mirrored();
    let driver = pool.started().await;
    let volume = replicated_volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    until_some(&*driver, &volume, None, |replica| replica.age).await;
    let daemons = || pool.rados(&["-p", pool.name(), "listwatchers", "rbd_mirroring"]);
    let before = daemons();
    assert!(before.contains("watcher="), "nobody mirrors");
    let client = WritingClient::start(&pool, &volume).await;
    let exports = driver.exports().unwrap();
    exports.unexport(&volume, AttachMode::ReadWrite, Fence(2)).await.unwrap();
    client.require_cut_off().await;
    assert_eq!(daemons(), before);
    let began = Instant::now();
    until_some(&*driver, &volume, None, |replica| replica.age.filter(|age| *age < began.elapsed()))
        .await;
    // and an image that is mirrored alone is not in use
    let kept = snapshot(&volume);
    driver.create_snapshot(&kept, Fence(3)).await.unwrap();
    driver.revert_volume(&volume, &kept, Fence(4)).await.unwrap();
}

/// A copy that is not kept up to date would pass for one that is.
#[tokio::test]
async fn a_volume_that_is_replicated_no_more_leaves_no_copy() {
    let pool = TestPool::mirrored();
    let driver = pool.started().await;
    let volume = replicated_volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    until_some(&*driver, &volume, None, |replica| replica.age).await;
    assert_ne!(pool.target().names(&["ls"]), "");
    driver.retype_volume(&volume, Fence(2)).await.unwrap();
    assert_ne!(pool.target().names(&["ls"]), "");
    let plain = Volume { replicated: false, ..volume };
    for fence in [Fence(3), Fence(4)] {
        driver.retype_volume(&plain, fence).await.unwrap();
    }
    assert_eq!(pool.target().names(&["ls"]), "");
    assert!(!pool.info(&plain).contains("\"mirroring\""));
}
