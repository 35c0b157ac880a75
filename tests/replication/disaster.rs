//! The primary burns: its daemon is killed and its directory removed.

use crate::cinderblock_manage::done;
use anyhow::Context as _;
use harness::own_disk::OwnDisk;
use harness::replication::{
    CUT_OFF, arrays, arrays_on, fail_over, of_volume, pair, replicated_volume, service, suspend,
    wait_for_replica, wait_for_replication, wait_until_dead, wait_until_down, wait_until_in_sync,
    wait_until_serving,
};
use harness::writer::{Writer, missing};
use harness::{
    Cluster, ClusterBuilder, access_data, holds, kill_by_pid_file, qemu_io, rounds, until,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn burn(cluster: &Cluster, array: &str) -> anyhow::Result<()> {
    Ok(harness::burn(&cluster.directory().join(array))?)
}

/// The primary burns as soon as it is begun to overwrite a replica, and before that is whole.
async fn burn_while_half_is_there(
    cluster: &Cluster,
    half: &Path,
    is_begun: impl Fn() -> bool,
) -> anyhow::Result<()> {
    let mut looks = tokio::time::interval(Duration::from_millis(5));
    tokio::time::timeout(Duration::from_secs(20), async {
        while !is_begun() {
            looks.tick().await;
        }
    })
    .await
    .context("a mirror begins")?;
    burn(cluster, "a")?;
    anyhow::ensure!(half.exists(), "it was too fast");
    Ok(())
}

#[tokio::test]
async fn every_acknowledged_write_is_on_the_other_side() -> anyhow::Result<()> {
    for _ in 0..rounds(1, 20) {
        burn_under_writers().await?;
    }
    Ok(())
}

async fn burn_under_writers() -> anyhow::Result<()> {
    const VOLUMES: usize = 6;
    let cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let mut volumes = Vec::new();
    for _ in 0..VOLUMES {
        let id = replicated_volume(&client).await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
        client.attach(&id, "server-1").await?;
        volumes.push(id);
    }
    let plain = client.available_volume(1).await?;
    wait_until_in_sync(&cluster, i64::try_from(VOLUMES)?).await?;
    let mut writers = Vec::new();
    for id in &volumes {
        writers.push(Writer::start(&client.nbd_uri(id).await?)?);
    }
    until("every writer writes", Duration::from_secs(20), || async {
        writers.iter().all(|writer| writer.acknowledged() > 500)
    })
    .await?;
    burn(&cluster, "a")?;
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.push(writer.end().await);
    }
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    for (id, acknowledged) in volumes.iter().zip(acknowledged) {
        assert_eq!(of_volume(&client, id).await?, pair("in-use", "failed-over"));
        let file = cluster.directory().join(format!("b/volumes/volume-{id}"));
        assert!(acknowledged > 500);
        assert_eq!(missing(&file, acknowledged)?, [0; 0], "of {acknowledged}");
        // servers come to the other side
        client.detach(id).await?;
        client.access(id, &["write -P 0xee 900M 1M", "flush", "read -P 0xee 900M 1M"]).await?;
    }
    assert_eq!(of_volume(&client, &plain).await?, pair("error", "not-capable"));
    assert_eq!(service(&client).await?["active_backend_id"], "b");
    cluster.finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report", "data plane"]].concat())
}

/// A few of what `make disaster` does, from a seed that is told when one of them goes wrong.
#[test]
fn whatever_else_goes_wrong_before_the_fire() -> anyhow::Result<()> {
    let rounds = rounds(3, 30).to_string();
    let lived = std::process::Command::new(env!("CARGO_BIN_EXE_disaster"))
        .args(["survive", "--parallel", "1", "--rounds", &rounds])
        .output()?;
    let told = String::from_utf8_lossy(&lived.stdout);
    assert!(lived.status.success(), "{told}{}", String::from_utf8_lossy(&lived.stderr));
    Ok(())
}

/// That the tests above can fail: one lost block among many is found.
#[test]
fn a_lost_write_would_be_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("volume");
    let block = |n: usize| vec![u8::try_from(n % 251).unwrap() + 1; 4096];
    let mut content: Vec<u8> = (0..40).flat_map(block).collect();
    std::fs::write(&file, &content).unwrap();
    assert_eq!(missing(&file, 40).unwrap(), [0; 0]);
    content[17 * 4096 + 9] ^= 1;
    std::fs::write(&file, &content).unwrap();
    assert_eq!(missing(&file, 40).unwrap(), [17]);
    assert_eq!(missing(&file, 41).unwrap(), [17, 40]);
}

#[tokio::test]
async fn what_is_not_in_step_is_said_to_be_lost_and_not_served() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    access_data(&info, &["write -P 1 0 1M", "flush"])?;
    // the target's daemon ends; the server goes on, and the backend says that a replica lacks something
    cluster.workers.clear();
    kill_by_pid_file(&cluster.directory().join("b/run/daemon.pid"));
    access_data(&info, &["write -P 2 0 1M", "flush"])?;
    burn(&cluster, "a")?;
    cluster.add_worker(&[]).await?;
    until("the backend is up", Duration::from_secs(10), || async {
        service(&client).await.is_ok_and(|service| service["state"] == "up")
    })
    .await?;
    // nothing takes its place meanwhile
    assert!(!cluster.directory().join("a").exists());
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failover-error"));
    // its status alone would make it look whole
    let reset = client.act(&id, "os-reset_status", json!({ "status": "in-use" })).await?;
    assert!(reset.status == 400 && reset.fault().contains("accepts data loss"), "{}", reset.body);
    assert_eq!(fail_over(&client, json!("b")).await?.status, 400);
    done(&cluster, "backend failover host@a --to b --accept-data-loss --max-age 1h")?;
    until("what is there is served", Duration::from_secs(10), || async {
        of_volume(&client, &id).await.is_ok_and(|is| is.0 != "error")
    })
    .await?;
    assert_eq!(of_volume(&client, &id).await?, pair("in-use", "failed-over"));
    client.detach(&id).await?;
    client.access(&id, &["read -P 1 0 1M"]).await?;
    cluster.finish_unsettled(
        &[
            &CUT_OFF[..],
            &["not restored", "data path", "heartbeat", "report", "cannot follow the active side"],
        ]
        .concat(),
    )
}

/// Nobody fails over in the second in which it burns.
#[tokio::test]
async fn a_backend_whose_array_is_gone_for_long_can_still_fail_over() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    client.access(&id, &["write -P 7 0 1M", "flush"]).await?;
    burn(&cluster, "a")?;
    // a file where the array was: nothing can be made there again
    std::fs::write(cluster.directory().join("a"), "")?;
    let database = cluster.database().await?;
    let down = "select 'down' = any (conditions) from backend_details";
    until("nothing is placed there any more", Duration::from_secs(15), || async {
        database.query_one(down, &[]).await.is_ok_and(|row| row.get(0))
    })
    .await?;
    // nor does it need the worker that has seen it
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    until("the worker is there", Duration::from_secs(10), || async {
        service(&client).await.is_ok_and(|service| service["state"] == "up")
    })
    .await?;
    assert_eq!(service(&client).await?["backend_state"], "down");
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    until("volumes are placed there again", Duration::from_secs(10), || async {
        database.query_one(down, &[]).await.is_ok_and(|row| !row.get::<_, bool>(0))
    })
    .await?;
    client.access(&id, &["read -P 7 0 1M"]).await?;
    cluster.finish_unsettled(
        &[&CUT_OFF[..], &["heartbeat", "report", "cannot follow the active side"]].concat(),
    )
}

/// The primary's daemon dies and is started again, and the target cannot be mirrored to.
#[tokio::test]
async fn what_is_written_after_the_primary_was_restarted_is_not_believed_to_be_replicated()
-> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    access_data(&info, &["write -P 1 0 1M", "flush"])?;
    wait_for_replica(&cluster, "b", &id).await?;
    let volumes = cluster.directory().join("b/volumes");
    let kept = cluster.directory().join("b/volumes.kept");
    std::fs::rename(&volumes, &kept)?;
    std::fs::write(&volumes, "")?;
    kill_by_pid_file(&cluster.directory().join("a/run/daemon.pid"));
    until("the server can write again", Duration::from_secs(15), || async {
        access_data(&info, &["write -P 2 0 1M", "flush"]).is_ok()
    })
    .await?;
    burn(&cluster, "a")?;
    std::fs::remove_file(&volumes)?;
    std::fs::rename(&kept, &volumes)?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failover-error"));
    cluster.finish_unsettled(
        &[&CUT_OFF[..], &["not restored", "data path", "heartbeat", "report"]].concat(),
    )
}

#[tokio::test]
async fn a_primary_that_hangs_can_be_left() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.access(&id, &["write -P 3 0 1M", "flush"]).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let pid = std::fs::read_to_string(cluster.directory().join("a/run/daemon.pid"))?;
    let pid = Pid::from_raw(pid.trim().parse()?).context("no process has number 0")?;
    kill_process(pid, Signal::STOP)?;
    wait_until_down(&client).await?;
    assert_eq!(service(&client).await?["state"], "up");
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    wait_until_serving(&client).await?;
    client.access(&id, &["read -P 3 0 1M"]).await?;
    cluster.finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report", "serve"]].concat())
}

/// Its disk takes no write any more: the daemon waits in the kernel, and cannot be killed.
#[tokio::test]
#[ignore = "mounts a file system: make test-as-root"]
async fn a_primary_whose_storage_hangs_can_be_left_and_comes_back() -> anyhow::Result<()> {
    let builder = ClusterBuilder::for_test().await?;
    let disk = OwnDisk::linked_from(builder.directory(), "a")?;
    let cluster = arrays_on(builder, &["b"], "").await?;
    // thawed before the cluster ends: nobody could end a worker that waits for it
    let disk = disk;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    wait_until_in_sync(&cluster, 1).await?;
    let writer = Writer::start(&client.nbd_uri(&id).await?)?;
    until("it writes", Duration::from_secs(20), || async { writer.acknowledged() > 500 }).await?;
    disk.freeze()?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    // a busy disk is not taken for one that hangs
    until("it is left", Duration::from_secs(30), || async {
        service(&client).await.is_ok_and(|is| is["replication_status"] == "failed-over")
    })
    .await?;
    assert_eq!(of_volume(&client, &id).await?, pair("in-use", "failed-over"));
    client.detach(&id).await?;
    client.access(&id, &["write -P 0xee 900M 1M", "flush"]).await?;

    disk.thaw()?;
    let acknowledged = writer.end().await;
    let file = cluster.directory().join(format!("b/volumes/volume-{id}"));
    assert_eq!(missing(&file, acknowledged)?, [0; 0], "of {acknowledged}");
    done(&cluster, "backend failover host@a --to default")?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "enabled"));
    client.access(&id, &["read -P 0xee 900M 1M"]).await?;
    cluster
        .finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report", "killed; the storage"]].concat())
}

#[tokio::test]
async fn half_a_replica_is_not_served_whatever_is_accepted() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = client.available_volume(1).await?;
    client.access(&id, &["write -P 4 0 800M", "flush"]).await?;
    client.act(&id, "os-retype", json!({ "new_type": "replicated" })).await?.expect_status(202)?;
    let half = cluster.directory().join(format!("b/incomplete/volume-{id}"));
    burn_while_half_is_there(&cluster, &half, || half.exists()).await?;
    client.wait_for_status(&id, "available").await?;
    done(&cluster, "backend failover host@a --to b --accept-data-loss --max-age any --no-wait")?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failover-error"));
    cluster.finish_unsettled(
        &[&CUT_OFF[..], &["not restored", "data path", "heartbeat", "report"]].concat(),
    )
}

/// The volume was written to while it was not mirrored, and the array burns while the replica is overwritten with that: what the
/// replica was before is still there, and is served where the loss of what came after it is accepted.
#[tokio::test]
async fn the_last_complete_copy_outlives_a_resynchronisation_that_is_cut_off() -> anyhow::Result<()>
{
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.access(&id, &["write -P 5 0 800M", "flush"]).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let half = cluster.directory().join(format!("b/incomplete/volume-{id}"));
    assert!(!half.exists());
    suspend(&cluster, 0).await?;
    kill_by_pid_file(&cluster.directory().join("a/run/daemon.pid"));
    let file = |array: &str| cluster.directory().join(array).join(format!("volumes/volume-{id}"));
    assert!(qemu_io(&file("a").display().to_string(), &["write -P 6 0 800M"])?);
    cluster.workers[0].process.signal(Signal::CONT)?;
    let undo_log = cluster.directory().join(format!("b/undo/volume-{id}"));
    let is_begun = || std::fs::metadata(&undo_log).is_ok_and(|log| log.len() > 10 << 20);
    burn_while_half_is_there(&cluster, &half, is_begun).await?;
    assert!(holds(&file("b"), 6, 0, 1 << 20)?, "it is overwritten");
    wait_until_serving(&client).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    // what may have been written since is not given up unasked
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failover-error"));
    done(&cluster, "backend failover host@a --to b --accept-data-loss --max-age 1h --no-wait")?;
    until("it is served", Duration::from_secs(20), || async {
        of_volume(&client, &id).await.is_ok_and(|shown| shown == pair("available", "failed-over"))
    })
    .await?;
    client.access(&id, &["read -P 5 0 800M"]).await?;
    cluster.finish_unsettled(
        &[&CUT_OFF[..], &["not restored", "data path", "heartbeat", "report", "before the last"]]
            .concat(),
    )
}

#[tokio::test]
async fn the_old_side_takes_no_write_while_workers_die_over_the_failover() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    access_data(&info, &["write -P 1 0 1M", "flush"])?;
    let dies = [("FAILPOINTS", "volume.executed=return")];
    cluster.workers.clear();
    cluster.add_worker(&dies).await?;
    wait_until_in_sync(&cluster, 1).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_until_dead(&mut cluster.workers[0]).await?;
    // the server is not down: it comes again and again
    let server = Reconnecting::start(info);
    cluster.workers.clear();
    cluster.start_worker(&dies)?;
    wait_until_dead(&mut cluster.workers[0]).await?;
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    wait_for_replication(&client, "failed-over").await?;
    let (tried, acknowledged) = server.end();
    assert!(tried > 3 && acknowledged == 0, "{acknowledged} of {tried} writes");
    assert_eq!(of_volume(&client, &id).await?, pair("in-use", "failed-over"));
    // and the other side is the one that is in use by an operation
    client.detach(&id).await?;
    client.access(&id, &["read -P 1 0 1M"]).await?;
    cluster.finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report"]].concat())
}

#[tokio::test]
async fn after_a_failed_attempt_replicas_begin_anew() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b", "c"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    cluster.workers.clear();
    cluster.add_worker(&[("FAILPOINTS", "volume.executed=return")]).await?;
    wait_until_in_sync(&cluster, 1).await?;
    let marker = cluster.directory().join(format!("b/in-sync/volume-{id}"));
    let marked_at = std::fs::metadata(&marker)?.modified()?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_until_dead(&mut cluster.workers[0]).await?;
    cluster.workers.clear();
    let live: Value = serde_json::from_str(&done(&cluster, "--json operation list --live")?)?;
    let operation = live[0]["id"].as_str().unwrap_or_default().to_owned();
    done(&cluster, &format!("operation abort {operation}"))?;
    cluster.add_worker(&[]).await?;
    wait_for_replication(&client, "failover-error").await?;
    // the old side serves again, and what is written there is on no replica until there is a mirror
    until("the mark is gone, or new", Duration::from_secs(10), || async {
        let mark = std::fs::metadata(&marker).and_then(|mark| mark.modified());
        mark.map_or(true, |at| at > marked_at)
    })
    .await?;
    client.access(&id, &["write -P 9 0 1M", "flush"]).await?;
    wait_until_in_sync(&cluster, 1).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.access(&id, &["read -P 9 0 1M"]).await?;
    cluster.finish_unsettled(&[&CUT_OFF[..], &["heartbeat", "report"]].concat())
}

/// A server whose data path broke, and that tries to write to it.
struct Reconnecting {
    ended: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(usize, usize)>,
}

impl Reconnecting {
    fn start(info: Value) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let seen = ended.clone();
        let thread = std::thread::spawn(move || {
            let (mut tried, mut acknowledged) = (0, 0);
            while !seen.load(Ordering::Relaxed) {
                tried += 1;
                acknowledged +=
                    usize::from(access_data(&info, &["write -P 9 0 1M", "flush"]).is_ok());
            }
            (tried, acknowledged)
        });
        Self { ended, thread }
    }

    /// How often it tried, and how often it was told that it wrote.
    fn end(self) -> (usize, usize) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}
