//! A failover is rehearsed on copies of the replicas, and replication goes on.

use crate::cinderblock_manage::{done, manage, refused};
use anyhow::Context as _;
use harness::replication::{
    arrays, fail_over, link, of_volume, pair, replicated, replicated_volume, swap_sides, volume,
    wait_for_replica, wait_for_replication, wait_until_dead, wait_until_down, wait_until_in_sync,
};
use harness::writer::{Writer, missing};
use harness::{Cluster, holds, kill_by_pid_file, qemu_io, until};
use serde_json::{Value, json};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// After as many numbers a server begins anew; small enough that their sums fit.
const ROUNDS: u8 = 120;

/// What `backend drill --show` prints for programs.
fn shown(cluster: &Cluster) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&done(cluster, "--json backend drill host@a --show")?)?)
}

/// How the copy of a volume is reached.
fn copy_of(report: &Value, id: &str) -> anyhow::Result<String> {
    let replicas = report["replicas"].as_array().context("the report names replicas")?;
    let found = replicas.iter().find(|one| one["id"] == id).context("it was copied")?;
    let uri = found["connection_info"]["data"]["uri"].as_str();
    Ok(uri.with_context(|| found.to_string())?.to_owned())
}

fn file_of_copy(cluster: &Cluster, id: &str) -> PathBuf {
    cluster.directory().join(format!("b/drills/drill-{id}"))
}

#[tokio::test]
async fn copies_are_used_while_servers_write_and_replication_goes_on() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let (id, other) = (replicated_volume(&client).await?, replicated_volume(&client).await?);
    client.access(&other, &["write -P 7 100M 1M", "flush"]).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    wait_until_in_sync(&cluster, 2).await?;
    let links = [link(&cluster, "b", &id)?, link(&cluster, "b", &other)?];
    let writer = Writer::start(&client.nbd_uri(&id).await?)?;
    until("it writes", Duration::from_secs(20), || async { writer.acknowledged() > 300 }).await?;
    let acknowledged = writer.acknowledged();
    let told = done(&cluster, "backend drill host@a --to b")?;
    assert!(told.contains("2 of 2 replicas are copied and open, 0 could not be copied"), "{told}");

    // everything that was acknowledged before is in the copy, and nothing that comes later
    let report = shown(&cluster)?;
    let copies = [copy_of(&report, &id)?, copy_of(&report, &other)?];
    until("it goes on to write", Duration::from_secs(20), || async {
        writer.acknowledged() > acknowledged + 300
    })
    .await?;
    let file = file_of_copy(&cluster, &id);
    assert_eq!(missing(&file, acknowledged)?, [0; 0]);
    assert!(!missing(&file, writer.acknowledged())?.is_empty());

    // what is written to a copy is in no volume, and in no replica
    qemu_io(
        &copies[1],
        &["read -P 7 100M 1M", "write -P 9 100M 1M", "flush", "read -P 9 100M 1M"],
    )?;
    client.access(&other, &["read -P 7 100M 1M"]).await?;
    let replica = cluster.directory().join(format!("b/volumes/volume-{other}"));
    assert!(holds(&replica, 7, 100 << 20, 1 << 20)?);

    // a daemon that was started anew has the copies open as well
    kill_by_pid_file(&cluster.directory().join("b/run/daemon.pid"));
    until("they are open again", Duration::from_secs(20), || async {
        qemu_io(&copies[1], &["read -P 9 100M 1M"]).is_ok_and(|is_there| is_there)
    })
    .await?;
    refused(&cluster, "backend drill host@a --to b", "There is a drill on b already")?;
    done(&cluster, "backend drill host@a --end")?;
    refused(&cluster, "backend drill host@a --show", "there is no drill of host@a")?;
    refused(&cluster, "backend drill host@a --end", "There is no drill to end")?;
    assert!(!file.exists() && !file_of_copy(&cluster, &other).exists());
    assert!(!qemu_io(&copies[1], &["read 0 4k"])?);
    wait_until_in_sync(&cluster, 2).await?;
    assert!(links.iter().all(Option::is_some));
    writer.end().await;
    cluster.finish_unsettled(&[
        "replica out of sync",
        "mirror not established",
        "drill does not go on",
    ])
}

#[tokio::test]
async fn a_drill_interrupts_no_link() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let before = link(&cluster, "b", &id)?;
    let writer = Writer::start(&client.nbd_uri(&id).await?)?;
    until("it writes", Duration::from_secs(20), || async { writer.acknowledged() > 100 }).await?;
    let check = cluster.directory().join("check");
    std::fs::write(
        &check,
        "#!/bin/sh\nread -r report && echo \"$report\" | grep -q '\"reason\":null'\n",
    )?;
    std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o755))?;
    let told = done(&cluster, &format!("backend drill host@a --exec {}", check.display()))?;
    assert!(told.contains("has found the copies in order") && told.contains("has ended"), "{told}");
    let failed = manage(&cluster, "backend drill host@a --exec /bin/false")?.err();
    assert!(failed.is_some_and(|complaint| complaint.contains("/bin/false has failed")));
    refused(&cluster, "backend drill host@a --show", "there is no drill")?;
    assert!(!file_of_copy(&cluster, &id).exists());
    assert!(before.is_some() && link(&cluster, "b", &id)? == before);
    writer.end().await;
    cluster.finish_unsettled(&[])
}

/// A server writes the same to two blocks far apart, one after the other: in what is of one moment, the second is the same, or one behind.
#[tokio::test]
async fn a_copy_is_of_one_moment() -> anyhow::Result<()> {
    const SECOND_AT: u64 = 300 << 20;
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.access(&id, &["write -P 255 0 300M", "flush"]).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    let uri = client.nbd_uri(&id).await?;
    let mut server = Command::new("qemu-io")
        .args(["-f", "raw", &uri])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut input = server.stdin.take().context("an input")?;
    let writes = tokio::spawn(async move {
        for number in (0..ROUNDS).cycle() {
            let pair = format!("write -P {number} 0 4k\nwrite -P {number} {SECOND_AT} 4k\n");
            if input.write_all(pair.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let replica = cluster.directory().join(format!("b/volumes/volume-{id}"));
    until("it writes", Duration::from_secs(20), || async {
        !holds(&replica, 255, 0, 1).unwrap_or(true)
    })
    .await?;
    for _ in 0..3 {
        done(&cluster, "backend drill host@a")?;
        let copy = std::fs::File::open(file_of_copy(&cluster, &id))?;
        let [mut first, mut second] = [[0], [0]];
        copy.read_exact_at(&mut first, 0)?;
        copy.read_exact_at(&mut second, SECOND_AT)?;
        let ahead = (first[0] + ROUNDS - second[0]) % ROUNDS;
        assert!(ahead <= 1, "the second block has {second:?}, the first {first:?}");
        done(&cluster, "backend drill host@a --end")?;
    }
    writes.abort();
    server.kill().await?;
    cluster.finish_unsettled(&["replica out of sync", "mirror not established"])
}

#[tokio::test]
async fn what_a_failover_would_lose_is_left_out_and_named() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let good = replicated_volume(&client).await?;
    let bad = volume(&client, "replicated", "replicate").await?;
    let plain = client.available_volume(1).await?;
    assert!(manage(&cluster, "backend drill host@a")?.is_err());
    let report = cluster.database().await?;
    let sql = "select volume_id::text, reason from drill_copies order by reason nulls first";
    let found = report.query(sql, &[]).await?;
    let found: Vec<(String, Option<String>)> =
        found.iter().map(|row| (row.get(0), row.get(1))).collect();
    let reason = Some("the replica is not in sync".to_owned());
    assert_eq!(found, [(good, None), (bad.clone(), reason)], "not {plain}");
    // nothing of it stands in the way of a disaster
    done(&cluster, "backend freeze host@a")?;
    done(&cluster, "backend failover host@a --to b --leave-behind")?;
    assert_eq!(of_volume(&client, &bad).await?, pair("error", "failover-error"));
    done(&cluster, "backend drill host@a --end")?;
    refused(&cluster, "backend drill host@a", "There are no replicas")?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_failover_in_the_midst_of_a_drill_finds_everything_and_the_drill_can_be_ended()
-> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    client.access(&id, &["write -P 3 0 300M", "flush"]).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    wait_until_in_sync(&cluster, 1).await?;
    done(&cluster, "backend drill host@a --no-wait")?;
    let unfinished = file_of_copy(&cluster, &id).with_extension("unfinished");
    until("it is being copied", Duration::from_secs(20), || async { unfinished.exists() }).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.access(&id, &["read -P 3 0 300M"]).await?;
    done(&cluster, "backend drill host@a --end")?;
    assert!(!unfinished.exists() && !file_of_copy(&cluster, &id).exists());
    client.access(&id, &["read -P 3 0 300M"]).await?;
    cluster.finish_unsettled(&["drill does not go on"])
}

#[tokio::test]
async fn a_promotion_ends_the_drill_on_what_is_the_primary_now() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    done(&cluster, "backend drill host@a --to b")?;
    done(&cluster, "backend failover host@a --to b")?;
    done(&cluster, "backend freeze host@a")?;
    cluster.workers.clear();
    swap_sides(&cluster)?;
    wait_until_down(&client).await?;
    done(&cluster, "backend promote host@a")?;
    let copy = file_of_copy(&cluster, &id);
    assert!(copy.exists());
    cluster.add_worker(&[]).await?;
    until("the drill has ended", Duration::from_secs(20), || async {
        manage(&cluster, "backend drill host@a --show").is_ok_and(|shown| shown.is_err())
    })
    .await?;
    assert!(!copy.exists());
    cluster.finish_unsettled(&["heartbeat", "report"])
}

#[tokio::test]
async fn a_worker_that_dies_over_a_copy_leaves_nothing() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_until_in_sync(&cluster, 1).await?;
    cluster.workers.clear();
    cluster.add_worker(&[("FAILPOINTS", "volume.drilled=return")]).await?;
    wait_until_in_sync(&cluster, 1).await?;
    done(&cluster, "backend drill host@a --no-wait")?;
    wait_until_dead(&mut cluster.workers[0]).await?;
    assert!(file_of_copy(&cluster, &id).exists());
    done(&cluster, "backend drill host@a --end --no-wait")?;
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    until("the drill has ended", Duration::from_secs(20), || async {
        manage(&cluster, "backend drill host@a --show").is_ok_and(|shown| shown.is_err())
    })
    .await?;
    assert!(!file_of_copy(&cluster, &id).exists());
    // and one that nobody ends goes on
    done(&cluster, "backend drill host@a --to b")?;
    assert!(qemu_io(&copy_of(&shown(&cluster)?, &id)?, &["read -P 0 0 1M"])?);
    cluster.finish_unsettled(&["drill does not go on"])
}
