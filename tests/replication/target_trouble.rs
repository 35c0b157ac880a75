//! The target dies, comes back, or hangs: servers go on, and it is known what is replicated.

use crate::cinderblock_manage::done;
use anyhow::Context as _;
use harness::replication::{
    CUT_OFF, arrays, fail_over, link, of_volume, pair, replicated_volume, suspend,
    wait_for_replica, wait_for_replication, wait_until_in_sync, wait_until_serving,
};
use harness::{Cluster, access_data, holds, kill_by_pid_file, refuse_writes, rounds, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[tokio::test]
async fn servers_go_on_and_the_replica_catches_up() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    access_data(&info, &["write -P 1 0 1M", "flush"])?;
    kill_by_pid_file(&cluster.directory().join("b/run/daemon.pid"));
    access_data(&info, &["write -P 2 0 1M", "flush", "read -P 2 0 1M"])?;
    let pid_file = cluster.directory().join("b/run/daemon.pid");
    until("the target is started again", Duration::from_secs(10), || async { pid_file.exists() })
        .await?;
    wait_for_replica(&cluster, "b", &id).await?;

    // one that hangs is ended, and a server's write is not held up longer than the bound
    let pid = std::fs::read_to_string(&pid_file)?;
    let pid = rustix::process::Pid::from_raw(pid.trim().parse()?).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP)?;
    let started = Instant::now();
    let writing =
        tokio::task::spawn_blocking(move || access_data(&info, &["write -P 3 0 1M", "flush"]));
    writing.await??;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    until("the target has another run", Duration::from_secs(10), || async {
        std::fs::read_to_string(&pid_file)
            .is_ok_and(|now| now.trim() != pid.as_raw_nonzero().to_string())
    })
    .await?;
    wait_for_replica(&cluster, "b", &id).await?;
    client.detach(&id).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.access(&id, &["read -P 3 0 1M"]).await?;
    cluster.finish_unsettled(&CUT_OFF)
}

/// A replicated volume on a backend whose worker sleeps: nobody but the relay sees what becomes of its replica.
struct Unwatched {
    cluster: Cluster,
    id: String,
}

impl Unwatched {
    async fn new() -> anyhow::Result<Self> {
        let cluster = arrays(&["b"]).await?;
        let client = cluster.client();
        let id = replicated_volume(&client).await?;
        client.attach(&id, "server-1").await?;
        wait_for_replica(&cluster, "b", &id).await?;
        suspend(&cluster, 0).await?;
        Ok(Self { cluster, id })
    }

    /// From now on the target has no room for what is written at this offset.
    fn refuse(&self, offset: u64) -> anyhow::Result<()> {
        refuse_writes(&self.cluster.directory().join("b"), &self.id, offset, 28)
    }

    async fn write(&self, write: &'static str) -> anyhow::Result<Duration> {
        let info = self.cluster.client().connection_info(&self.id).await?;
        let started = Instant::now();
        tokio::task::spawn_blocking(move || access_data(&info, &[write, "flush"])).await??;
        Ok(started.elapsed())
    }

    fn daemon(&self, name: &str, signal: Signal) -> anyhow::Result<()> {
        let pid = std::fs::read_to_string(self.cluster.directory().join(name))?;
        let pid = Pid::from_raw(pid.trim().parse()?).context("no process has number 0")?;
        Ok(kill_process(pid, signal)?)
    }

    /// The primary burns, and the worker wakes up and fails over: what does it say of the volume?
    async fn burn(self) -> anyhow::Result<(String, String)> {
        self.daemon("a/run/daemon.pid", Signal::KILL)?;
        std::fs::remove_dir_all(self.cluster.directory().join("a"))?;
        let client = self.cluster.client();
        self.cluster.workers[0].process.signal(Signal::CONT)?;
        until("it is asked to fail over", Duration::from_secs(10), || async {
            fail_over(&client, json!("b")).await.is_ok_and(|answer| answer.status == 202)
        })
        .await?;
        wait_for_replication(&client, "failed-over").await?;
        let end = of_volume(&client, &self.id).await?;
        self.cluster.finish_unsettled(
            &[
                &CUT_OFF[..],
                &[
                    "heartbeat",
                    "report",
                    "bus",
                    "lease",
                    "sweep",
                    "purge",
                    "not restored",
                    "data path",
                ],
            ]
            .concat(),
        )?;
        Ok(end)
    }
}

#[tokio::test]
async fn with_nobody_but_the_relay_watching_a_healthy_replica_is_known_to_be_complete()
-> anyhow::Result<()> {
    let unwatched = Unwatched::new().await?;
    unwatched.write("write -P 2 0 1M").await?;
    assert_eq!(unwatched.burn().await?, pair("in-use", "failed-over"));
    Ok(())
}

/// The server's write is acknowledged, and the primary burns at once. Meanwhile the replica stays what the volume was when the
/// target refused: what is written after that does not come without what was refused.
#[tokio::test]
async fn a_write_that_the_target_refused_is_missed_at_once() -> anyhow::Result<()> {
    for _ in 0..rounds(1, 20) {
        let unwatched = Unwatched::new().await?;
        unwatched.refuse(512 << 20)?;
        unwatched.write("write -P 2 0 1M").await?;
        unwatched.write("write -P 2 512M 1M").await?;
        // with the first of these the mirror finds its link gone, and with the next it would have another one
        for _ in 0..3 {
            unwatched.write("write -P 3 0 1M").await?;
        }
        let replica = format!("b/volumes/volume-{}", unwatched.id);
        assert!(holds(&unwatched.cluster.directory().join(replica), 2, 0, 1 << 20)?);
        assert_eq!(unwatched.burn().await?, pair("error", "failover-error"));
    }
    Ok(())
}

#[tokio::test]
async fn a_target_that_hangs_holds_no_write_up_beyond_the_bound() -> anyhow::Result<()> {
    let unwatched = Unwatched::new().await?;
    unwatched.daemon("b/run/daemon.pid", Signal::STOP)?;
    let took = unwatched.write("write -P 2 0 1M").await?;
    // 5 s, and what else happens on the machine
    assert!((5..20).contains(&took.as_secs()), "{took:?}");
    unwatched.daemon("b/run/daemon.pid", Signal::CONT)?;
    assert_eq!(unwatched.burn().await?, pair("error", "failover-error"));
    Ok(())
}

/// Nothing is written, so the mirror itself does not notice; and nothing is written to a replica that is equal.
#[tokio::test]
async fn an_idle_replica_comes_back_in_step() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.access(&id, &["write -P 1 0 64M", "flush"]).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let replica = cluster.directory().join(format!("b/volumes/volume-{id}"));
    let written = std::fs::metadata(&replica)?.modified()?;
    for dies in ["b/run/relay.pid", "b/run/daemon.pid", "a/run/daemon.pid"] {
        let before = link(&cluster, "b", &id)?;
        kill_by_pid_file(&cluster.directory().join(dies));
        until("there is another link", Duration::from_secs(20), || async {
            link(&cluster, "b", &id).is_ok_and(|link| link.is_some() && link != before)
        })
        .await?;
        wait_for_replica(&cluster, "b", &id).await?;
        assert_eq!(std::fs::metadata(&replica)?.modified()?, written, "{dies}");
        let undo_log = cluster.directory().join(format!("b/undo/volume-{id}"));
        until("what it was is forgotten", Duration::from_secs(5), || async { !undo_log.exists() })
            .await?;
    }
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    cluster.finish(&CUT_OFF).await
}

/// What its status says of a volume is for users; its data are there, and are replicated.
#[tokio::test]
async fn a_volume_in_error_is_replicated_as_long_as_its_data_are_there() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    client.act(&id, "os-reset_status", json!({ "status": "error" })).await?.expect_status(202)?;
    wait_until_in_sync(&cluster, 1).await?;
    let info = client.connection_info(&id).await?;
    access_data(&info, &["write -P 9 0 1M", "flush"])?;
    wait_for_replica(&cluster, "b", &id).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("error", "failed-over"));
    assert!(holds(&cluster.directory().join(format!("b/volumes/volume-{id}")), 9, 0, 1 << 20)?);
    // nothing keeps it in step from there
    let shown: Value = serde_json::from_str(&done(&cluster, "--json backend volumes host@a")?)?;
    assert_eq!(shown[0]["replication_extended_status"], "unprotected");
    cluster.finish(&CUT_OFF).await
}

/// The target has missed a write, and the backend fails over to it while the primary lives.
#[tokio::test]
async fn a_primary_that_lives_is_not_left_before_its_replicas_are_in_sync() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let info = client.connection_info(&id).await?;
    suspend(&cluster, 0).await?;
    kill_by_pid_file(&cluster.directory().join("b/run/daemon.pid"));
    access_data(&info, &["write -P 7 0 64M", "flush"])?;
    cluster.workers[0].process.signal(Signal::CONT)?;
    wait_until_serving(&client).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("in-use", "failed-over"));
    assert!(holds(&cluster.directory().join(format!("b/volumes/volume-{id}")), 7, 0, 64 << 20)?);
    cluster.finish_unsettled(
        &[&CUT_OFF[..], &["heartbeat", "report", "data path", "not restored"]].concat(),
    )
}

/// Writes all over the first 128 MiB of a volume until it is told to stop, to each place once before it comes again; returns how
/// often.
fn overwrite_until(stop: &AtomicBool, info: &Value) -> anyhow::Result<u32> {
    const AT_ONCE: u32 = 256;
    let mut written = 0;
    while !stop.load(Ordering::SeqCst) {
        // odd numbers without a common divisor visit every place
        let write = |number: u32| {
            format!("write -P {} {} 12k", 2 + number % 250, (number * 3797 % 8192) << 14)
        };
        let writes: Vec<_> = (written..written + AT_ONCE).map(write).collect();
        access_data(info, &writes.iter().map(String::as_str).collect::<Vec<_>>())?;
        written += AT_ONCE;
    }
    Ok(written)
}

/// The target loses all that it has, again and again, and servers overwrite what is being compared.
#[tokio::test]
async fn a_replica_that_is_compared_under_writes_becomes_equal() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    let info = client.connection_info(&id).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    access_data(&info, &["write -P 1 0 128M", "flush"])?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = stop.clone();
    let writing = tokio::task::spawn_blocking(move || overwrite_until(&stopping, &info));
    let file = |array: &str| cluster.directory().join(array).join(format!("volumes/volume-{id}"));
    for _ in 0..rounds(3, 40) {
        suspend(&cluster, 0).await?;
        for daemon in ["relay", "daemon"] {
            kill_by_pid_file(&cluster.directory().join(format!("b/run/{daemon}.pid")));
        }
        let replica = File::options().write(true).open(file("b"))?;
        replica.set_len(0)?;
        replica.set_len(1 << 30)?;
        cluster.workers[0].process.signal(Signal::CONT)?;
        wait_for_replica(&cluster, "b", &id).await?;
    }
    stop.store(true, Ordering::SeqCst);
    assert!(writing.await?? > 0);
    let content = |array: &str| {
        let mut content = vec![0; 128 << 20];
        File::open(file(array))?.read_exact_at(&mut content, 0)?;
        anyhow::Ok(content)
    };
    assert!(content("a")? == content("b")?, "the sides differ");
    cluster.finish_unsettled(&[&CUT_OFF[..], &["data path", "heartbeat", "report"]].concat())
}

#[tokio::test]
async fn without_its_relay_nothing_is_known_of_a_replica() -> anyhow::Result<()> {
    let unwatched = Unwatched::new().await?;
    unwatched.daemon("b/run/relay.pid", Signal::KILL)?;
    unwatched.write("write -P 2 0 1M").await?;
    assert_eq!(unwatched.burn().await?, pair("error", "failover-error"));
    Ok(())
}

#[tokio::test]
async fn a_replicated_volume_grows_is_snapshotted_and_reverted_and_its_replica_with_it()
-> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    client.attach(&id, "server-1").await?;
    access_data(&client.connection_info(&id).await?, &["write -P 5 0 2M", "flush"])?;
    // of an attached, mirrored volume
    let body = json!({ "snapshot": { "volume_id": id, "force": true } });
    let made = client.post("/snapshots", body).await?.expect_status(202)?.body;
    let snapshot = made["snapshot"]["id"].as_str().unwrap_or_default().to_owned();
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    access_data(&client.connection_info(&id).await?, &["write -P 6 0 2M", "flush"])?;
    client.detach(&id).await?;
    client.act(&id, "revert", json!({ "snapshot_id": snapshot })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
    client.wait_for_status(&id, "available").await?;
    let refused = client.act(&id, "os-migrate_volume", json!({ "host": "host@a" })).await?;
    assert_eq!(refused.status, 400);
    wait_until_in_sync(&cluster, 1).await?;
    client.access(&id, &["write -P 7 1500M 1M", "flush"]).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    client.access(&id, &["read -P 5 0 2M", "read -P 7 1500M 1M"]).await?;
    // the snapshot is on the side where it was made
    let shown = client.get(&format!("/snapshots/{snapshot}")).await?.body;
    assert_eq!(shown["snapshot"]["status"], "error");
    fail_over(&client, json!("default")).await?.expect_status(202)?;
    wait_for_replication(&client, "enabled").await?;
    let shown = client.get(&format!("/snapshots/{snapshot}")).await?.body;
    assert_eq!(shown["snapshot"]["status"], "available");
    cluster.finish(&CUT_OFF).await
}

#[tokio::test]
async fn a_volumes_type_begins_and_ends_its_replication() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = client.available_volume(1).await?;
    client.access(&id, &["write -P 1 0 1M", "flush"]).await?;
    let marker = cluster.directory().join(format!("b/in-sync/volume-{id}"));
    for (new_type, status) in
        [("replicated", "enabled"), ("__DEFAULT__", "disabled"), ("replicated", "enabled")]
    {
        let retype = json!({ "new_type": new_type });
        client.act(&id, "os-retype", retype).await?.expect_status(202)?;
        client.wait_for_status(&id, "available").await?;
        assert_eq!(of_volume(&client, &id).await?, pair("available", status));
        if status == "enabled" {
            wait_for_replica(&cluster, "b", &id).await?;
        } else {
            assert!(!marker.exists());
            client.access(&id, &["write -P 2 0 1M", "flush"]).await?;
        }
    }
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.access(&id, &["read -P 2 0 1M"]).await?;
    cluster.finish(&CUT_OFF).await
}
