//! The suite of replication, on storage with the targets [`TARGETS`].

use crate::conformance::rows::{replicated_volume, volume};
use crate::conformance::storage::{Storage, TARGETS, count, replication};
use crate::driver::Driver;
use crate::fence::Fence;
use crate::progress::LatestProgress;
use crate::replication::{Failover, Replica, Verified};
use model::{
    FailoverOutcome, ReplicatedVolume, ReplicationStatus, Side, VerificationRequest, Volume,
    VolumeFailover, VolumeOutcome,
};
use std::collections::HashSet;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How long small, empty volumes may take to be in sync.
const TIMEOUT: Duration = Duration::from_secs(60);

fn first_target() -> Side {
    Side::Target(TARGETS[0].to_owned())
}

/// Replicates until every replica is in sync, or as the volume was after this was called. A round waits for the storage, so that there is no pause between two.
async fn replicate_until_in_sync(driver: &dyn Driver, volumes: &[Volume]) {
    let to_replicate: Vec<_> = volumes.iter().map(ReplicatedVolume::from).collect();
    let called = Instant::now();
    let is_up_to_date = |replica: &Replica| {
        replica.out_of_sync_bytes == 0 || replica.age.is_some_and(|age| age < called.elapsed())
    };
    let in_sync = async {
        loop {
            let replicas = replication(driver).replicate(&to_replicate).await.unwrap();
            if replicas.each.len() == volumes.len() && replicas.each.iter().all(is_up_to_date) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, in_sync).await.expect("the replicas are in sync in time");
}

async fn fail_over(
    driver: &dyn Driver,
    (from, target): (&Side, &Side),
    volumes: &[Volume],
    epoch: i64,
    fence: Fence,
) -> FailoverOutcome {
    let failover = Failover {
        from,
        target,
        volumes,
        snapshots: &[],
        may_lack_writes: &HashSet::new(),
        leave_behind: false,
        epoch,
        fence,
        progress: &LatestProgress::default(),
    };
    let failed_over = replication(driver).failover(&failover).await.unwrap();
    assert_eq!(failed_over.active, *target);
    failed_over
}

fn outcomes(volumes: &[Volume], outcomes: &[VolumeOutcome]) -> Vec<VolumeFailover> {
    volumes
        .iter()
        .zip(outcomes)
        .map(|(volume, outcome)| VolumeFailover::of(volume.id, *outcome))
        .collect()
}

/// What a verification of replicas that are in sync, and equal, finds: nothing, once for each.
pub async fn replicas_in_sync_are_verified(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = replicated_and_not(&*driver).await;
    let asked = VerificationRequest { id: Uuid::new_v4(), repair: false };
    let to_verify =
        [ReplicatedVolume { verification: Some(asked), ..ReplicatedVolume::from(&volumes[0]) }];
    let verified = async {
        loop {
            let replicas = replication(&*driver).replicate(&to_verify).await.unwrap();
            if let Some(verified) = replicas.each.iter().find_map(|replica| replica.verified) {
                return verified;
            }
            tokio::task::yield_now().await;
        }
    };
    let verified = tokio::time::timeout(TIMEOUT, verified).await.expect("it is verified in time");
    assert_eq!(verified, Verified { id: asked.id, differing_bytes: 0 });
}

/// Copies of a replica come and go, also when a worker has died over one, and it is in sync all the time.
pub async fn a_replica_is_copied_and_goes_on_to_be_one(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = replicated_and_not(&*driver).await;
    let (replicated, target) = (ReplicatedVolume::from(&volumes[0]), TARGETS[0]);
    let replication = replication(&*driver);
    let copy = replication.copy_replica(target, &replicated).await.unwrap().expect("a copy");
    let again = replication.copy_replica(target, &replicated).await.unwrap().expect("another one");
    assert_eq!(copy.connection, again.connection);
    replication.restore_copies(target, &[replicated.id]).await.unwrap();
    replicate_until_in_sync(&*driver, &volumes[..1]).await;
    for _ in 0..2 {
        replication.remove_copies(target, &[replicated.id]).await.unwrap();
    }
    replicate_until_in_sync(&*driver, &volumes[..1]).await;
    let unmirrored = ReplicatedVolume::from(&replicated_volume(1));
    assert_eq!(replication.copy_replica(target, &unmirrored).await.unwrap(), None);
    assert!(replication.copy_replica("nowhere", &replicated).await.is_err());
}

/// A replicated volume in sync with its replica, and one that is not replicated.
async fn replicated_and_not(driver: &dyn Driver) -> [Volume; 2] {
    let volumes = [replicated_volume(1), volume(1)];
    for volume in &volumes {
        driver.create_volume(volume, Fence(1)).await.unwrap();
    }
    replicate_until_in_sync(driver, &volumes[..1]).await;
    volumes
}

/// The rows of these volumes after the failover to a target.
fn failed_over([replicated, other]: [Volume; 2]) -> [Volume; 2] {
    let (served, absent) = (ReplicationStatus::FailedOver, ReplicationStatus::NotCapable);
    [
        Volume { replication_status: served, ..replicated },
        Volume { replication_status: absent, ..other },
    ]
}

/// New volumes come to have complete replicas, and replication goes on when it is called again.
pub async fn replicas_become_complete(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = [replicated_volume(1), replicated_volume(2)];
    for volume in &volumes {
        driver.create_volume(volume, Fence(1)).await.unwrap();
    }
    replicate_until_in_sync(&*driver, &volumes).await;
    driver.delete_volume(&volumes[0], Fence(2)).await.unwrap();
    replicate_until_in_sync(&*driver, &volumes[1..]).await;
}

/// What was in sync moves, what is not replicated is absent; a failover that is executed again, after a worker that died, comes
/// to the same.
pub async fn a_failover_moves_complete_replicas_and_may_be_repeated(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = replicated_and_not(&*driver).await;
    let sides = (&Side::Primary, &first_target());
    for fence in [Fence(2), Fence(3)] {
        let failed_over = fail_over(&*driver, sides, &volumes, 2, fence).await;
        assert_eq!(
            failed_over.volumes,
            outcomes(&volumes, &[VolumeOutcome::FailedOver, VolumeOutcome::NotReplicated])
        );
    }
}

/// Workers that have not executed the failover work on the new side, too, and one that starts later; an unknown target is an
/// error.
pub async fn every_worker_follows_a_failover(storage: &dyn Storage) {
    let (executing, other) = (storage.started().await, storage.started().await);
    let volumes = replicated_and_not(&*executing).await;
    let target = first_target();
    fail_over(&*executing, (&Side::Primary, &target), &volumes, 2, Fence(2)).await;
    for driver in [&*executing, &*other, &*other] {
        replication(driver).failover_completed(&target, 2).await.unwrap();
        assert!(!driver.report().await.unwrap().replication_enabled);
        let nowhere = Side::Target("nowhere".to_owned());
        assert!(replication(driver).failover_completed(&nowhere, 3).await.is_err());
    }
    let successor = storage.worker();
    successor.start(&target, 2).await.unwrap();
    driver_works(&*successor).await;
}

async fn driver_works(driver: &dyn Driver) {
    let before = count(driver).await;
    let volume = volume(1);
    driver.create_volume(&volume, Fence(1)).await.unwrap();
    assert_eq!(count(driver).await, before + 1);
    driver.delete_volume(&volume, Fence(2)).await.unwrap();
    assert_eq!(count(driver).await, before);
}

/// The failover to the primary brings back what has moved, finds what has stayed, and replication begins again.
pub async fn a_failback_brings_every_volume_home_and_replication_goes_on(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = replicated_and_not(&*driver).await;
    let target = first_target();
    fail_over(&*driver, (&Side::Primary, &target), &volumes, 2, Fence(2)).await;
    replication(&*driver).failover_completed(&target, 2).await.unwrap();

    let volumes = failed_over(volumes);
    let failed_back = fail_over(&*driver, (&target, &Side::Primary), &volumes, 3, Fence(3)).await;
    assert_eq!(
        failed_back.volumes,
        outcomes(&volumes, &[VolumeOutcome::FailedOver, VolumeOutcome::FailedOver])
    );
    for _ in 0..2 {
        replication(&*driver).failover_completed(&Side::Primary, 3).await.unwrap();
    }
    assert!(driver.report().await.unwrap().replication_enabled);
    replicate_until_in_sync(&*driver, &volumes[..1]).await;
}

/// A side's storage has the same identity whenever it is asked for, and another one than the other side's.
pub async fn storage_has_one_identity_for_each_side(storage: &dyn Storage) {
    let driver = storage.started().await;
    let volumes = replicated_and_not(&*driver).await;
    let target = first_target();
    let failed_over = fail_over(&*driver, (&Side::Primary, &target), &volumes, 2, Fence(2)).await;
    let primary = replication(&*driver).storage_id(&Side::Primary).await.unwrap();
    assert_eq!(replication(&*driver).storage_id(&Side::Primary).await.unwrap(), primary);
    let there = replication(&*driver).storage_id(&target).await.unwrap();
    assert_eq!(failed_over.storage_id, there);
    assert!(primary.is_none() || primary != there);
}
