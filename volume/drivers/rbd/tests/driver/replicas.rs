//! Replicas that are not what they should be.

use crate::test_pools::TestPool;
use driver::conformance::rows::replicated_volume;
use driver::conformance::storage::Storage;
use driver::{Driver, Fence, Replica, Verified};
use model::{ReplicatedVolume, VerificationRequest, Volume};
use serde_json::Value;
use std::time::Duration;
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
    let object = format!("{}.{:016x}", info["block_name_prefix"].as_str().unwrap(), 5);
    let put = ["-p", pool.name(), "put", &object, "/usr/bin/sha256sum"];
    pool.target().rados(&put);
    let found = verified(&*driver, &volume, false).await;
    assert!(found > 0, "nothing was found");
    assert!(verified(&*driver, &volume, true).await > 0);
    let repaired = async { while verified(&*driver, &volume, false).await > 0 {} };
    tokio::time::timeout(PATIENCE, repaired).await.expect("it is made anew in time");
}
