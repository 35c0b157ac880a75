//! Over, home, over again, and on to a third array: the bytes are the same at each step.

use crate::cinderblock_manage::done;
use harness::replication::{
    CUT_OFF, arrays, arrays_with, fail_over, of_volume, pair, replicated_volume, service, suspend,
    swap_sides, wait_for_replica, wait_for_replication, wait_until_down, wait_until_in_sync,
    wait_until_serving,
};
use harness::{access_data, kill_by_pid_file, rounds, until};
use rustix::process::Signal;
use serde_json::json;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[tokio::test]
async fn what_is_written_on_either_side_is_there_on_the_other() -> anyhow::Result<()> {
    let cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    let plain = client.available_volume(1).await?;
    client.access(&plain, &["write -P 0x99 0 1M", "flush"]).await?;
    client.access(&id, &["write -P 1 0 1M", "flush"]).await?;
    for round in 1..=u8::try_from(rounds(3, 10))? {
        wait_until_in_sync(&cluster, 1).await?;
        let offset = u32::from(round) * 10;
        client.access(&id, &[&format!("write -P {round} {offset}M 1M"), "flush"]).await?;
        fail_over(&client, json!("b")).await?.expect_status(202)?;
        wait_for_replication(&client, "failed-over").await?;
        assert_eq!(of_volume(&client, &plain).await?, pair("error", "not-capable"));
        client.access(&id, &[&format!("read -P {round} {offset}M 1M")]).await?;
        client.access(&id, &[&format!("write -P {round} {}M 1M", offset + 1), "flush"]).await?;
        // what is made while the other side serves is resynchronised to the primary as well
        let made = client.available_volume(1).await?;
        client.access(&made, &[&format!("write -P {round} 0 1M"), "flush"]).await?;
        fail_over(&client, json!("default")).await?.expect_status(202)?;
        wait_for_replication(&client, "enabled").await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
        assert_eq!(of_volume(&client, &plain).await?, pair("available", "disabled"));
        for written in 1..=round {
            let offset = u32::from(written) * 10;
            let read = [
                format!("read -P {written} {offset}M 1M"),
                format!("read -P {written} {}M 1M", offset + 1),
            ];
            client.access(&id, &[&read[0], &read[1]]).await?;
        }
        client.access(&plain, &["read -P 0x99 0 1M"]).await?;
        client.access(&made, &[&format!("read -P {round} 0 1M")]).await?;
        client.delete(&format!("/volumes/{made}")).await?.expect_status(202)?;
        client.wait_for_status(&made, "deleted").await?;
    }
    // from one target to the other
    wait_until_in_sync(&cluster, 1).await?;
    for target in ["b", "c", "default"] {
        fail_over(&client, json!(target)).await?.expect_status(202)?;
        let end = if target == "default" { "enabled" } else { "failed-over" };
        wait_for_replication(&client, end).await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", end), "{target}");
        client.access(&id, &["read -P 1 0 1M", "read -P 3 31M 1M"]).await?;
    }
    // nothing is left over, on any side
    client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
    client.wait_for_status(&id, "deleted").await?;
    for array in ["a", "b", "c"] {
        let volumes = std::fs::read_dir(cluster.directory().join(array).join("volumes"))?;
        let names: Vec<String> = volumes
            .map(|entry| Ok(entry?.file_name().display().to_string()))
            .collect::<std::io::Result<_>>()?;
        let expected = if array == "a" { vec![format!("volume-{plain}")] } else { vec![] };
        assert_eq!(names, expected, "{array}");
    }
    cluster.finish(&CUT_OFF).await
}

/// The newest content of a volume that cannot come home is nowhere but on the other side.
#[tokio::test]
async fn when_one_volume_cannot_come_home_all_stay_where_they_are_served() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let first = replicated_volume(&client).await?;
    let second = client.create_volume(json!({ "size": 1, "volume_type": "replicated" })).await?;
    client.wait_for_status(&second, "available").await?;
    wait_until_in_sync(&cluster, 2).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    // the whole array is not what it was
    let (array, kept) = (cluster.directory().join("a"), cluster.directory().join("a.kept"));
    std::fs::rename(&array, &kept)?;
    std::fs::write(&array, "")?;
    let says_down =
        || done(&cluster, "backend show host@a").is_ok_and(|shown| shown.contains("default"));
    until("home is said to be down", Duration::from_secs(10), || async { says_down() }).await?;
    assert_eq!(fail_over(&client, json!("default")).await?.status, 400);
    assert_eq!(service(&client).await?["replication_status"], "failed-over");
    std::fs::remove_file(&array)?;
    std::fs::rename(&kept, &array)?;
    until("home is said to be up", Duration::from_secs(10), || async { !says_down() }).await?;
    // something is in the way at home
    let home = cluster.directory().join(format!("a/volumes/volume-{second}"));
    std::fs::remove_file(&home)?;
    std::fs::create_dir(&home)?;
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "failover-error").await?;
    assert_eq!(service(&client).await?["active_backend_id"], "b");
    for (id, pattern) in [(&first, 7), (&second, 8)] {
        assert_eq!(of_volume(&client, id).await?, pair("available", "failed-over"));
        client.access(id, &[&format!("write -P {pattern} 0 1M"), "flush"]).await?;
    }
    std::fs::remove_dir(&home)?;
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    for (id, pattern) in [(&first, 7), (&second, 8)] {
        assert_eq!(of_volume(&client, id).await?, pair("available", "enabled"));
        client.access(id, &[&format!("read -P {pattern} 0 1M")]).await?;
    }
    cluster.finish_unsettled(&[&CUT_OFF[..], &["cannot be resynchronised"]].concat())
}

/// It could not be made: its row is there until it is deleted, and nothing else.
#[tokio::test]
async fn a_volume_that_is_nowhere_keeps_nobody_from_going_home() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    let unmade = client.available_volume(1).await?;
    std::fs::remove_file(cluster.directory().join(format!("b/volumes/volume-{unmade}")))?;
    client
        .act(&unmade, "os-reset_status", json!({ "status": "error" }))
        .await?
        .expect_status(202)?;
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    assert_eq!(of_volume(&client, &unmade).await?, pair("error", "disabled"));
    client.delete(&format!("/volumes/{unmade}")).await?.expect_status(202)?;
    client.wait_for_status(&unmade, "deleted").await?;
    cluster.finish(&CUT_OFF).await
}

/// One volume has not changed, and another one has much to bring home, slowly: its server goes on meanwhile.
#[tokio::test]
async fn an_operator_sees_how_far_a_failback_is_and_servers_go_on_until_it_is_done()
-> anyhow::Result<()> {
    let cluster = arrays_with(&["b"], "file.resync_rate_mib = 100\n").await?;
    let client = cluster.client();
    let (_, changed) = (replicated_volume(&client).await?, replicated_volume(&client).await?);
    wait_until_in_sync(&cluster, 2).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.attach(&changed, "server-1").await?;
    let info = client.connection_info(&changed).await?;
    access_data(&info, &["write -P 7 0 400M", "flush"])?;
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    until("one of them is at home", Duration::from_secs(10), || async {
        done(&cluster, "backend show host@a")
            .is_ok_and(|shown| shown.contains("failing-over") && shown.contains("1 of 2"))
    })
    .await?;
    access_data(&info, &["write -P 8 0 1M", "flush"])?;
    wait_for_replication(&client, "enabled").await?;
    client.detach(&changed).await?;
    client.access(&changed, &["read -P 8 0 1M", "read -P 7 1M 399M"]).await?;
    cluster.finish(&CUT_OFF).await
}

/// The mirrors lead to another target than the one that is asked for.
#[tokio::test]
async fn a_living_array_is_left_for_its_second_target() -> anyhow::Result<()> {
    let cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.access(&id, &["write -P 1 0 1M", "flush"]).await?;
    wait_until_in_sync(&cluster, 1).await?;
    for (target, end) in [("c", "failed-over"), ("default", "enabled")] {
        fail_over(&client, json!(target)).await?.expect_status(202)?;
        wait_for_replication(&client, end).await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", end), "{target}");
        client.access(&id, &["read -P 1 0 1M"]).await?;
    }
    wait_until_in_sync(&cluster, 1).await?;
    cluster.finish(&CUT_OFF).await
}

/// A worker that has not followed yet fails over from the side that serves, not from the one it works on.
#[tokio::test]
async fn the_second_failover_goes_on_from_where_the_first_one_ended() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    cluster.workers.clear();
    cluster.add_worker(&[("FAILPOINTS", "volume.follow=return")]).await?;
    wait_until_in_sync(&cluster, 1).await?;
    let written = |array: &str| cluster.directory().join(format!("{array}/volumes/volume-{id}"));
    for (target, pattern) in [("b", 0x0b), ("c", 0x0c)] {
        fail_over(&client, json!(target)).await?.expect_status(202)?;
        until("the target is the active side", Duration::from_secs(15), || async {
            service(&client).await.is_ok_and(|service| service["active_backend_id"] == target)
        })
        .await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
        std::fs::OpenOptions::new()
            .write(true)
            .open(written(target))?
            .write_all(&[pattern; 4096])?;
    }
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    assert_eq!(std::fs::read(written("a"))?[..4096], [0x0c; 4096]);
    cluster.finish_unsettled(&[&CUT_OFF[..], &["cannot follow the active side"]].concat())
}

/// It was not there when it was left, and still believes that it serves.
#[tokio::test]
async fn an_array_that_is_repaired_becomes_the_target_of_the_one_that_took_its_place()
-> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let (array, kept) = (cluster.directory().join("a"), cluster.directory().join("a.kept"));
    kill_by_pid_file(&array.join("run/daemon.pid"));
    std::fs::rename(&array, &kept)?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["write -P 5 0 1M", "flush"]).await?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    cluster.workers.clear();
    wait_until_down(&client).await?;
    std::fs::rename(&kept, &array)?;
    let config = cluster.directory().join("cinderblock.toml");
    let directory = |array: &str| format!("'{}'", cluster.directory().join(array).display());
    let swapped = std::fs::read_to_string(&config)?
        .replace(&directory("b"), "'the other'")
        .replace(&directory("a"), &directory("b"))
        .replace("'the other'", &directory("a"))
        .replace("backend_id = 'b'", "backend_id = 'repaired'");
    std::fs::write(&config, swapped)?;
    client.operate("reset_active_backend", "host@a").await?.expect_status(200)?;
    cluster.add_worker(&[]).await?;
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    wait_for_replica(&cluster, "a", &id).await?;
    fail_over(&client, json!("repaired")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["read -P 5 0 1M"]).await?;
    cluster.finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report"]].concat())
}

/// A worker that was cut off during the promotion comes back with the configuration of before.
#[tokio::test]
async fn what_was_promoted_away_is_not_served_by_a_worker_that_missed_it() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["write -P 0x42 0 1M", "flush"]).await?;
    client.operate("freeze", "host@a").await?.expect_status(200)?;
    suspend(&cluster, 0).await?;
    wait_until_down(&client).await?;
    swap_sides(&cluster)?;
    client.operate("reset_active_backend", "host@a").await?.expect_status(200)?;
    cluster.add_worker(&[]).await?;
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    cluster.workers[0].process.signal(Signal::CONT)?;
    let log = cluster.workers[0].process.log().to_owned();
    until("it says what is wrong", Duration::from_secs(10), || async {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.contains("is not the one that the backend's volumes are on")
    })
    .await?;
    let monitor = cluster.directory().join("a/run/qmp.sock");
    assert!(UnixStream::connect(monitor).is_err(), "the old array is opened");
    for _ in 0..5 {
        client.access(&id, &["read -P 0x42 0 1M"]).await?;
    }
    // with nobody else, nothing is served
    cluster.workers.remove(1);
    wait_until_down(&client).await?;
    let refused = client.post("/volumes", json!({ "volume": { "size": 1 } })).await?;
    assert_eq!(refused.status, 503, "{}", refused.body);
    cluster.finish_unsettled(
        &[
            &CUT_OFF[..],
            &["cannot follow the active side", "heartbeat", "bus", "lease", "sweep", "purge"],
        ]
        .concat(),
    )
}

#[tokio::test]
async fn b_is_promoted_replicated_to_c_and_failed_over_again() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    client.access(&id, &["write -P 0x41 0 4M", "flush"]).await?;
    harness::burn(&cluster.directory().join("a"))?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["read -P 0x41 0 4M", "write -P 0x42 4M 4M", "flush"]).await?;

    client.operate("freeze", "host@a").await?.expect_status(200)?;
    cluster.workers.clear();
    wait_until_down(&client).await?;
    swap_sides(&cluster)?;
    client.operate("reset_active_backend", "host@a").await?.expect_status(200)?;
    cluster.add_worker(&[]).await?;
    wait_until_serving(&client).await?;
    client.operate("thaw", "host@a").await?.expect_status(200)?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    client
        .access(&id, &["read -P 0x41 0 4M", "read -P 0x42 4M 4M", "write -P 0x43 8M 4M", "flush"])
        .await?;
    wait_until_in_sync(&cluster, 1).await?;
    harness::burn(&cluster.directory().join("b"))?;
    fail_over(&client, json!("c")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["read -P 0x41 0 4M", "read -P 0x42 4M 4M", "read -P 0x43 8M 4M"]).await?;
    cluster.finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report", "data plane"]].concat())
}
