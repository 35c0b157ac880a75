//! Two clusters that mirror to each other: planned failovers lose nothing, and after a disaster it is known what is lost.

use harness::ceph::{self, CephCluster, CephPair};
use harness::mirrored_pool::{EXPECTED, MirroredPool, PATIENCE};
use harness::rbd_writer::{Acknowledged, found};
use harness::replication::{of_volume, pair, service, wait_until_serving};
use harness::{ClusterBuilder, until};
use rustix::process::Signal;
use serde_json::json;

/// Where a server writes that has not been told of the failover: behind everything that others write.
const OF_OLD_SIDE: u64 = 150_000;

/// Behind 900 MiB that are written at once.
const BEHIND_MUCH: u64 = 235_000;

fn last(numbers: &[u64]) -> u64 {
    numbers.last().copied().unwrap_or_default()
}

fn numbers(acknowledged: &[Acknowledged]) -> Vec<u64> {
    acknowledged.iter().map(|(number, _)| *number).collect()
}

#[tokio::test]
async fn a_planned_failover_and_the_way_home_lose_nothing() -> anyhow::Result<()> {
    let backend = MirroredPool::start(&ceph::of_this_run()?).await?;
    let client = backend.client();
    let volume = backend.replicated_volume().await?;
    let plain = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    assert_eq!(backend.told(&volume).await?, json!([backend.monitor("a")?]));

    let writer = backend.writer("a", &volume, 1).await?;
    let told = backend.fail_over("--to b").await?;
    assert!(told.contains("demote and promote"), "{told}");
    let there = writer.require_cut_off().await?;
    let found_there =
        found(&backend.conf("b"), &backend.image(&volume), last(&numbers(&there)) + 100).await?;
    assert_eq!(found_there[..there.len()], numbers(&there));
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "failed-over"));
    assert_eq!(of_volume(&client, &plain).await?, pair("error", "not-capable"));
    assert_eq!(backend.told(&volume).await?, json!([backend.monitor("b")?]));

    let next = last(&found_there) + 1;
    let writer = backend.writer("b", &volume, next).await?;
    // and what is made while the target serves
    let made = client.available_volume(1).await?;
    let of_made = backend.writer("b", &made, 1).await?.stop().await?;
    let cloned = client.create_volume(json!({ "size": 1, "source_volid": made })).await?;
    client.wait_for_status(&cloned, "available").await?;
    backend.fail_over("--to default").await?;
    let written = [numbers(&there), numbers(&writer.require_cut_off().await?)].concat();
    let home = found(&backend.conf("a"), &backend.image(&volume), last(&written)).await?;
    assert!(
        written.iter().all(|number| home.contains(number)),
        "{} of {}",
        home.len(),
        written.len()
    );
    let home =
        found(&backend.conf("a"), &backend.image(&made), last(&numbers(&of_made)) + 100).await?;
    assert_eq!(home[..of_made.len()], numbers(&of_made));
    let home = found(&backend.conf("a"), &backend.image(&cloned), last(&numbers(&of_made))).await?;
    assert!(home.len() >= of_made.len());
    for volume in [&volume, &plain, &made, &cloned] {
        assert_eq!(of_volume(&client, volume).await?.0, "available");
    }
    assert_eq!(service(&client).await?["replication_status"], "enabled");
    // and it goes on
    backend.wait_until_as_of_now(&volume).await?;
    let shown = client.get(&format!("/snapshots/{snapshot}")).await?.expect_status(200)?;
    assert_eq!(shown.body["snapshot"]["status"], "available");
    client.delete(&format!("/snapshots/{snapshot}")).await?.expect_status(202)?;
    until("the snapshot is gone", PATIENCE, || async {
        client.get(&format!("/snapshots/{snapshot}")).await.is_ok_and(|one| one.status == 404)
    })
    .await?;
    for volume in [volume, plain, made, cloned] {
        client.delete(&format!("/volumes/{volume}")).await?.expect_status(202)?;
        client.wait_for_status(&volume, "deleted").await?;
    }
    // nothing is left over, on either side
    for side in ["a", "b"] {
        until("the pool is empty", PATIENCE, || async {
            backend.images(side).await.is_ok_and(|images| images.is_empty())
        })
        .await?;
    }
    backend.cluster.finish(&EXPECTED).await
}

#[tokio::test]
async fn a_volume_that_is_retyped_loses_its_replica_or_gets_one() -> anyhow::Result<()> {
    let backend = MirroredPool::start(&ceph::of_this_run()?).await?;
    let client = backend.client();
    client.create_volume_type("plain", json!({})).await?;
    let volume = backend.replicated_volume().await?;
    let there = async || backend.images("b").await.unwrap_or_default();
    assert!(there().await.contains(&volume));
    for (new_type, is_there) in [("plain", false), ("replicated", true)] {
        let asked = json!({ "new_type": new_type, "migration_policy": "never" });
        client.act(&volume, "os-retype", asked).await?.expect_status(202)?;
        client.wait_for_status(&volume, "available").await?;
        until("the other side follows", PATIENCE, || async {
            there().await.contains(&volume) == is_there
        })
        .await?;
    }
    backend.wait_until_as_of_now(&volume).await?;
    backend.cluster.finish(&EXPECTED).await
}

/// The mirror daemon waits for a cluster that is dead, with the lock of the copy: it does not keep a failover waiting. And the image is
/// rolled back to nothing that is older than was told.
#[tokio::test]
async fn a_copy_that_is_half_made_is_served_as_it_was_before() -> anyhow::Result<()> {
    let mut clusters = CephPair::of_one_test().await?;
    // so that the one before has not what is written last
    let services = ClusterBuilder::for_test().await?;
    let backend = MirroredPool::serve(services, clusters.directory(), 5).await?;
    let client = backend.client();
    let volume = backend.replicated_volume().await?;
    let before = numbers(&backend.writer("a", &volume, BEHIND_MUCH).await?.stop().await?);
    let snapshot = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    let next = last(&before) + 1;
    let after = numbers(&backend.writer("a", &volume, next).await?.stop().await?);
    backend.wait_until_as_of_now(&volume).await?;
    let late = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{late}"), "snapshot", "available").await?;
    // the next mirror snapshot is that of the test
    let worker = &backend.cluster.workers[0].process;
    worker.signal(Signal::STOP)?;
    let image = backend.image(&volume);
    let much = ["bench", "--io-type", "write", "--io-size", "4M", "--io-total", "900M", &image];
    ceph::run(&backend.conf("a"), "rbd", &much).await?;
    ceph::run(&backend.conf("a"), "rbd", &["mirror", "image", "snapshot", &image]).await?;
    until("it is being copied", PATIENCE, || async {
        let copies = ceph::run(&backend.conf("b"), "rbd", &["snap", "ls", "--all", &image]).await;
        copies.is_ok_and(|copies| copies.contains("% copied"))
    })
    .await?;
    clusters.a.burn();
    worker.signal(Signal::CONT)?;
    let fail_over = backend.fail_over("--to b --accept-data-loss --max-age 10m");
    tokio::time::timeout(PATIENCE, fail_over).await??;
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "failed-over"));
    let there = async || found(&backend.conf("b"), &image, last(&after) + 100).await;
    let all = [&before[..], &after[..]].concat();
    assert!(there().await?.starts_with(&all), "{:?} of {all:?}", there().await?);
    // a snapshot comes before its content does
    let shown = client.get(&format!("/snapshots/{late}")).await?.expect_status(200)?;
    assert_eq!(shown.body["snapshot"]["status"], "error");
    wait_until_serving(&client).await?;
    client.delete(&format!("/snapshots/{late}")).await?.expect_status(202)?;
    client.wait_until(&format!("/snapshots/{late}"), "snapshot", "deleted").await?;
    let to_snapshot = json!({ "snapshot_id": snapshot });
    client.act(&volume, "revert", to_snapshot).await?.expect_status(202)?;
    client.wait_for_status(&volume, "available").await?;
    let reverted = there().await?;
    assert!(reverted.starts_with(&before) && !reverted.contains(&last(&after)), "{reverted:?}");
    backend.writer("b", &volume, next).await?.stop().await?;
    let log = std::fs::read_to_string(worker.log())?;
    assert!(log.contains("cutting off a client"), "the copy was complete: the test shows nothing");
    let expected = [&EXPECTED[..], &["a snapshot that is half copied"]].concat();
    backend.cluster.finish(&expected).await?;
    clusters.remove()
}

/// The first cluster never comes back.
#[tokio::test]
async fn a_target_is_promoted_replicated_to_another_cluster_and_failed_over_again()
-> anyhow::Result<()> {
    let mut clusters = CephPair::of_one_test().await?;
    let mut backend = MirroredPool::start(clusters.directory()).await?;
    let client = backend.client();
    let volume = backend.replicated_volume().await?;
    let written = backend.writer("a", &volume, 1).await?.stop().await?;
    backend.wait_until_as_of_now(&volume).await?;
    clusters.a.burn();
    backend.fail_over("--to b --accept-data-loss --max-age 10m").await?;
    let next = last(&numbers(&written)) + 1;
    let of_b = backend.writer("b", &volume, next).await?.stop().await?;

    backend.managed("backend freeze host@a").await?;
    backend.stop_worker().await?;
    let mut c = CephCluster::start(&clusters.directory().join("c")).await?;
    c.mirror().await?;
    backend.put_c_behind_b().await?;
    backend.managed("backend promote host@a").await?;
    backend.cluster.add_worker(&[]).await?;
    wait_until_serving(&client).await?;
    backend.managed("backend thaw host@a").await?;
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "enabled"));
    assert_eq!(backend.told(&volume).await?, json!([backend.monitor("b")?]));

    // what is there, and what comes, is replicated to C
    backend.wait_until_as_of_now(&volume).await?;
    let made = backend.replicated_volume().await?;
    let next = last(&numbers(&of_b)) + 1;
    let writer = backend.writer("b", &volume, next).await?;
    let told = backend.fail_over("--to c").await?;
    assert!(told.contains("demote and promote"), "{told}");
    let all = [numbers(&written), numbers(&of_b), numbers(&writer.require_cut_off().await?)];
    let all = all.concat();
    let on_c = found(&backend.conf("c"), &backend.image(&volume), last(&all) + 100).await?;
    assert_eq!(on_c[..all.len()], all);
    for volume in [&volume, &made] {
        assert_eq!(of_volume(&client, volume).await?, pair("available", "failed-over"));
        assert_eq!(backend.told(volume).await?, json!([backend.monitor("c")?]));
    }
    backend.cluster.finish(&EXPECTED).await?;
    c.burn();
    clusters.remove()
}

#[tokio::test]
async fn after_a_disaster_it_is_known_what_is_lost_and_the_old_side_comes_home()
-> anyhow::Result<()> {
    let mut clusters = CephPair::of_one_test().await?;
    let backend = MirroredPool::start(clusters.directory()).await?;
    let client = backend.client();
    let volume = backend.replicated_volume().await?;
    let writer = backend.writer("a", &volume, 1).await?;
    backend.wait_until_as_of_now(&volume).await?;
    writer.write_more(50).await?;
    clusters.a.burn();
    let acknowledged = writer.kill().await?;
    let as_of = backend.as_of(&volume).await?.unwrap_or_default();

    let refused = backend.fail_over("--to b").await.unwrap_err().to_string();
    assert!(refused.contains("--accept-data-loss"), "{refused}");
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "enabled"));
    let refused = backend.fail_over("--to b --accept-data-loss --max-age 1ms").await;
    assert!(refused.is_err(), "it is older: {refused:?}");
    let told = backend.fail_over("--to b --accept-data-loss --max-age 10m").await?;
    assert!(told.contains("b            1            0       0               1"), "{told}");
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "failed-over"));

    // it is what the volume was at one moment, and not before it was said to be
    let up_to = acknowledged.len() as u64 + 100;
    let served = found(&backend.conf("b"), &backend.image(&volume), up_to).await?;
    assert_eq!(
        served,
        (1..=served.len() as u64).collect::<Vec<_>>(),
        "a write without those before it"
    );
    let lost = &acknowledged[served.len().min(acknowledged.len())..];
    assert!(!lost.is_empty(), "the test has lost nothing");
    assert!(lost[0].1 > as_of, "lost at {}, said to be there as of {as_of}", lost[0].1);

    // the old side is back, and its clients go on to write: nobody reads that any more
    let next = served.len() as u64 + 1;
    let of_target = backend.writer("b", &volume, next).await?;
    clusters.a.start_again().await?;
    let of_old_side = backend.writer("a", &volume, OF_OLD_SIDE).await?;
    let told = backend.fail_over("--to default").await?;
    assert!(told.contains("FAILED OVER"), "{told}");
    of_old_side.require_cut_off().await?;
    let written = numbers(&of_target.require_cut_off().await?);
    let home = found(&backend.conf("a"), &backend.image(&volume), OF_OLD_SIDE + 100).await?;
    assert!(
        written.iter().all(|number| home.contains(number)),
        "{} of {}",
        home.len(),
        written.len()
    );
    assert!(
        !home.contains(&OF_OLD_SIDE),
        "what was written on the side that was left counts no more"
    );
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "enabled"));
    backend.wait_until_as_of_now(&volume).await?;
    backend.cluster.finish(&EXPECTED).await?;
    clusters.remove()
}
