//! A failover is rehearsed on copies of the replicas, and replication goes on.

use crate::cinderblock_manage::{done, manage, refused};
use anyhow::Context as _;
use harness::replication::{
    CUT_OFF, arrays, arrays_with, fail_over, link, of_volume, pair, replicated, replicated_volume,
    swap_sides, volume, wait_for_replica, wait_for_replication, wait_until_dead, wait_until_down,
    wait_until_in_sync,
};
use harness::writer::{Writer, missing};
use harness::{Client, Cluster, holds, kill_by_pid_file, qemu_io, tell_daemon, until};
use serde_json::{Value, json};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// After as many numbers a server begins anew; small enough that their sums fit.
const ROUNDS: u8 = 120;

/// Copies take so long that something can happen meanwhile: 300 MiB half a minute.
const SLOW: &str = "file.resync_rate_mib = 10\n";

/// What `backend drill --show` prints for programs.
fn shown(cluster: &Cluster) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&done(cluster, "--json backend drill host@a --show")?)?)
}

/// The exit code of a command about the drills of the backend.
fn exit_code(cluster: &Cluster, options: &[&str]) -> anyhow::Result<Option<i32>> {
    let program = harness::files::program("cinderblock-manage")?;
    let config = cluster.directory().join("cinderblock.toml");
    let mut command = std::process::Command::new(program);
    command.arg("--config").arg(config).args(["backend", "drill", "host@a"]).args(options);
    Ok(command.output()?.status.code())
}

/// How the copy of a volume is reached.
fn copy_of(report: &Value, id: &str) -> anyhow::Result<String> {
    let replicas = report["replicas"].as_array().context("the report names replicas")?;
    let found = replicas.iter().find(|one| one["id"] == id).context("it was copied")?;
    let uri = found["connection_info"]["data"]["uri"].as_str();
    Ok(uri.with_context(|| found.to_string())?.to_owned())
}

/// The file of the copy of a volume.
fn file_of_copy(cluster: &Cluster, id: &str) -> PathBuf {
    cluster.directory().join(format!("b/drills/drill-{id}"))
}

/// What of drills is left on B: files, and what its daemon has of them.
fn left_over(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let array = cluster.directory().join("b");
    let mut left = Vec::new();
    for entry in std::fs::read_dir(array.join("drills"))? {
        left.push(entry?.file_name().to_string_lossy().into_owned());
    }
    for (command, key) in [
        ("query-named-block-nodes", "node-name"),
        ("query-block-exports", "id"),
        ("query-jobs", "id"),
    ] {
        let answer = tell_daemon(&array, command, &json!({}))?;
        let found = answer.as_array().into_iter().flatten().filter_map(|one| one[key].as_str());
        let is_of_drill = |name: &&str| match key {
            "id" => name.contains("drill"),
            _ => name.starts_with(['b', 'd', 'k', 't', 'w']),
        };
        left.extend(found.filter(is_of_drill).map(str::to_owned));
    }
    Ok(left)
}

async fn wait_until_ended(cluster: &Cluster) -> anyhow::Result<()> {
    until("the drill has ended", Duration::from_secs(20), || async {
        manage(cluster, "backend drill host@a --show").is_ok_and(|shown| shown.is_err())
    })
    .await
}

/// A replicated volume whose replica is being copied, slowly.
async fn being_copied(cluster: &Cluster, client: &Client) -> anyhow::Result<String> {
    let id = replicated_volume(client).await?;
    // what is written before that would be brought over as slowly
    wait_for_replica(cluster, "b", &id).await?;
    client.access(&id, &["write -P 3 0 300M", "flush"]).await?;
    wait_for_replica(cluster, "b", &id).await?;
    wait_until_in_sync(cluster, 1).await?;
    done(cluster, "backend drill host@a --no-wait")?;
    let unfinished = file_of_copy(cluster, &id).with_extension("unfinished");
    until("it is being copied", Duration::from_secs(20), || async {
        std::fs::metadata(&unfinished).is_ok_and(|copy| copy.blocks() > 0)
    })
    .await?;
    assert_eq!(exit_code(cluster, &["--show"])?, Some(4));
    Ok(id)
}

#[tokio::test]
async fn copies_are_used_while_servers_write_and_replication_goes_on() -> anyhow::Result<()> {
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let (id, other) = (replicated_volume(&client).await?, replicated_volume(&client).await?);
    client.access(&other, &["write -P 7 100M 1M", "flush"]).await?;
    client.attach(&id, "server-1").await?;
    wait_for_replica(&cluster, "b", &id).await?;
    wait_for_replica(&cluster, "b", &other).await?;
    wait_until_in_sync(&cluster, 2).await?;
    let links = [link(&cluster, "b", &id)?, link(&cluster, "b", &other)?];
    let writer = Writer::start(&client.nbd_uri(&id).await?)?;
    until("it writes", Duration::from_secs(20), || async { writer.acknowledged() > 300 }).await?;
    let acknowledged = writer.acknowledged();
    let told = done(&cluster, "backend drill host@a --to b")?;
    let expected = "2 of 2 replicas are copied; 0 were not in sync, 0 could not be copied";
    assert!(told.contains(expected), "{told}");

    // everything that was acknowledged before is in the copy, and nothing that comes later
    let report = shown(&cluster)?;
    let copies = [copy_of(&report, &id)?, copy_of(&report, &other)?];
    until("it goes on to write", Duration::from_secs(20), || async {
        writer.acknowledged() > acknowledged + 300
    })
    .await?;
    let content = file_of_copy(&cluster, &id);
    assert_eq!(missing(&content, acknowledged)?, [0; 0]);
    assert!(!missing(&content, writer.acknowledged())?.is_empty());
    // a copy takes the room that its replica takes, not that of the volume
    let replica = cluster.directory().join(format!("b/volumes/volume-{other}"));
    let takes = |file: &PathBuf| std::fs::metadata(file).map(|found| found.blocks() * 512);
    assert!(takes(&file_of_copy(&cluster, &other))? < takes(&replica)? + (4 << 20));

    // what is written to a copy is in no volume, and in no replica
    assert!(qemu_io(
        &copies[1],
        &["read -P 7 100M 1M", "write -P 9 100M 1M", "flush", "read -P 9 100M 1M"]
    )?);
    client.access(&other, &["read -P 7 100M 1M"]).await?;
    assert!(holds(&replica, 7, 100 << 20, 1 << 20)?);
    // nobody's link was interrupted
    assert!(links.iter().all(Option::is_some));
    assert_eq!([link(&cluster, "b", &id)?, link(&cluster, "b", &other)?], links);

    // a daemon that was started anew has the copies open as well
    kill_by_pid_file(&cluster.directory().join("b/run/daemon.pid"));
    until("they are open again", Duration::from_secs(20), || async {
        qemu_io(&copies[1], &["read -P 9 100M 1M"]).is_ok_and(|is_there| is_there)
    })
    .await?;
    refused(&cluster, "backend drill host@a --to b", "There is a drill on b already")?;
    done(&cluster, "backend drill host@a --end")?;
    refused(&cluster, "backend drill host@a --show", "there is no drill of host@a")?;
    refused(&cluster, "backend drill host@a --end", "there is no drill of host@a")?;
    assert_eq!(left_over(&cluster)?, [""; 0]);
    wait_until_in_sync(&cluster, 2).await?;
    writer.end().await;
    cluster.finish_unsettled(&[&CUT_OFF[..], &["drill does not go on"]].concat())
}

#[tokio::test]
async fn a_program_checks_the_copies_and_they_are_removed_whatever_it_finds() -> anyhow::Result<()>
{
    let cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    wait_until_in_sync(&cluster, 1).await?;
    let check = cluster.directory().join("check");
    let script =
        "#!/bin/sh\nread -r report && echo \"$report\" | grep -q '\"outcome\":\"copied\"'\n";
    std::fs::write(&check, script)?;
    std::fs::set_permissions(&check, std::fs::Permissions::from_mode(0o755))?;
    let told = done(&cluster, &format!("backend drill host@a --exec {}", check.display()))?;
    assert!(told.contains("has found the copies in order") && told.contains("has ended"), "{told}");
    for program in ["/bin/false", "/no/such/program"] {
        let failed = manage(&cluster, &format!("backend drill host@a --exec {program}"))?.err();
        assert!(failed.is_some_and(|complaint| complaint.contains(program)));
        assert_eq!(left_over(&cluster)?, [""; 0]);
    }
    refused(&cluster, "backend drill host@a --show", "there is no drill")?;
    cluster.finish(&[]).await
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
    cluster.finish_unsettled(&[])
}

#[tokio::test]
async fn what_a_failover_would_lose_is_left_out_and_named() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    let good = replicated_volume(&client).await?;
    let bad = volume(&client, "replicated", "replicate").await?;
    let plain = client.available_volume(1).await?;
    assert_eq!(exit_code(&cluster, &[])?, Some(3));
    let database = cluster.database().await?;
    let sql = "select volume_id::text, outcome from drill_copies order by outcome";
    let found = database.query(sql, &[]).await?;
    let found: Vec<(String, String)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [(good, "copied".to_owned()), (bad.clone(), "not-in-sync".to_owned())];
    assert_eq!(found, expected, "not {plain}");
    // nothing of it stands in the way of a disaster
    done(&cluster, "backend freeze host@a")?;
    done(&cluster, "backend failover host@a --to b --leave-behind")?;
    assert_eq!(of_volume(&client, &bad).await?, pair("error", "failover-error"));
    done(&cluster, "backend drill host@a --end")?;
    refused(&cluster, "backend drill host@a", "There are no replicas")?;
    cluster.finish(&[]).await
}

#[tokio::test]
async fn what_cannot_be_copied_is_no_loss_and_fails_the_drill() -> anyhow::Result<()> {
    let cluster = replicated().await?;
    let client = cluster.client();
    volume(&client, "replicated", "copy_replica").await?;
    assert_eq!(exit_code(&cluster, &[])?, Some(1));
    let told = done(&cluster, "backend drill host@a --end")?;
    assert!(told.contains("has ended"), "{told}");
    cluster.finish(&[]).await
}

#[tokio::test]
async fn a_failover_in_the_midst_of_a_copy_ends_it_and_serves_the_replica() -> anyhow::Result<()> {
    let cluster = arrays_with(&["b"], SLOW).await?;
    let client = cluster.client();
    let id = being_copied(&cluster, &client).await?;
    fail_over(&client, json!("b")).await?.expect_status(202)?;
    wait_for_replication(&client, "failed-over").await?;
    assert_eq!(of_volume(&client, &id).await?, pair("available", "failed-over"));
    client.attach(&id, "server-1").await?;
    let uri = client.nbd_uri(&id).await?;
    assert!(qemu_io(&uri, &["read -P 3 0 300M", "write -P 4 0 1M", "flush"])?);
    let jobs = tell_daemon(&cluster.directory().join("b"), "query-jobs", &json!({}))?;
    assert_eq!(jobs, json!([]));
    done(&cluster, "backend drill host@a --end")?;
    assert_eq!(left_over(&cluster)?, [""; 0]);
    // who uses it has not noticed
    assert!(qemu_io(&uri, &["read -P 4 0 1M"])?);
    cluster.finish_unsettled(&["drill does not go on"])
}

/// What else the replica is needed for is not kept waiting.
#[tokio::test]
async fn an_extension_and_a_deletion_end_the_copying_of_their_volume() -> anyhow::Result<()> {
    let cluster = arrays_with(&["b"], SLOW).await?;
    let client = cluster.client();
    for is_extended in [true, false] {
        let id = being_copied(&cluster, &client).await?;
        if is_extended {
            client.act(&id, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
            client.wait_for_status(&id, "available").await?;
        }
        client.delete(&format!("/volumes/{id}")).await?.expect_status(202)?;
        client.wait_for_status(&id, "deleted").await?;
        let array = cluster.directory().join("b");
        until("the copying has ended", Duration::from_secs(10), || async {
            tell_daemon(&array, "query-jobs", &json!({})).is_ok_and(|jobs| jobs == json!([]))
        })
        .await?;
        done(&cluster, "backend drill host@a --end")?;
        assert_eq!(left_over(&cluster)?, [""; 0]);
        // nor does the daemon keep the replica's file
        let nodes = tell_daemon(&array, "query-named-block-nodes", &json!({}))?;
        assert!(!nodes.to_string().contains(&id), "{nodes}");
    }
    cluster.finish_unsettled(&[&CUT_OFF[..], &["drill does not go on"]].concat())
}

#[tokio::test]
async fn a_worker_that_dies_over_a_copy_leaves_nothing() -> anyhow::Result<()> {
    let mut cluster = arrays_with(&["b"], SLOW).await?;
    let client = cluster.client();
    being_copied(&cluster, &client).await?;
    // in the midst of it
    cluster.workers.clear();
    done(&cluster, "backend drill host@a --end --no-wait")?;
    cluster.add_worker(&[]).await?;
    wait_until_ended(&cluster).await?;
    assert_eq!(left_over(&cluster)?, [""; 0]);
    cluster.finish_unsettled(&["drill does not go on"])
}

#[tokio::test]
async fn a_copy_that_was_not_recorded_is_made_again() -> anyhow::Result<()> {
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
    cluster.workers.clear();
    cluster.add_worker(&[]).await?;
    until("it is copied", Duration::from_secs(20), || async {
        exit_code(&cluster, &["--show"]).is_ok_and(|code| code == Some(0))
    })
    .await?;
    assert!(qemu_io(&copy_of(&shown(&cluster)?, &id)?, &["read -P 0 0 1M"])?);
    done(&cluster, "backend drill host@a --end")?;
    assert_eq!(left_over(&cluster)?, [""; 0]);
    cluster.finish_unsettled(&["drill does not go on"])
}

#[tokio::test]
async fn a_promotion_ends_the_drill_on_what_is_the_primary_now() -> anyhow::Result<()> {
    let mut cluster = arrays(&["b"]).await?;
    let client = cluster.client();
    let id = replicated_volume(&client).await?;
    wait_for_replica(&cluster, "b", &id).await?;
    wait_until_in_sync(&cluster, 1).await?;
    done(&cluster, "backend drill host@a --to b")?;
    done(&cluster, "backend failover host@a --to b")?;
    done(&cluster, "backend freeze host@a")?;
    cluster.workers.clear();
    swap_sides(&cluster)?;
    wait_until_down(&client).await?;
    done(&cluster, "backend promote host@a")?;
    assert!(file_of_copy(&cluster, &id).exists());
    cluster.add_worker(&[]).await?;
    wait_until_ended(&cluster).await?;
    assert_eq!(left_over(&cluster)?, [""; 0]);
    cluster.finish_unsettled(&["heartbeat", "report"])
}
