//! `demo`: the main job on real input, as a short timeline.
//!
//! A storage backend is frozen during a disaster, and it *is* frozen: every request that would change
//! it is refused with the reason, every read is served, servers keep their data path, and neither a
//! byte nor a row is different afterwards.

use crate::interrupted;
use anyhow::{Context, ensure};
use harness::servers::OwnServers;
use harness::{Answered, Client, Cluster, ClusterBuilder, files};
use serde_json::{Value, json};
use std::fmt::Display;
use std::io::Write;
use std::process::Command;
use std::time::Instant;

/// What is said, and when.
struct Timeline {
    begun: Instant,
}

impl Timeline {
    fn say(&self, what: impl Display) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{:6.2} s  {what}", self.begun.elapsed().as_secs_f64())?;
        Ok(())
    }

    fn detail(what: impl Display) -> anyhow::Result<()> {
        writeln!(std::io::stdout().lock(), "            {what}")?;
        Ok(())
    }
}

/// Runs the demonstration; what it started ends with it, also when it is interrupted.
pub async fn demo() -> anyhow::Result<()> {
    let timeline = Timeline { begun: Instant::now() };
    let directory = files::run_directory().join("demo");
    if directory.exists() {
        crate::end_storage_daemons(&directory)?;
        std::fs::remove_dir_all(&directory)?;
    }
    tokio::select! {
        outcome = tell(&timeline, &directory) => outcome?,
        interrupted = interrupted() => { interrupted?; anyhow::bail!("interrupted") }
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

async fn tell(timeline: &Timeline, directory: &std::path::Path) -> anyhow::Result<()> {
    timeline.say("starting private PostgreSQL and RabbitMQ")?;
    let servers = OwnServers::start(&directory.join("servers"), true).await?;
    let (database, amqp) = (servers.postgres.url("postgres"), servers.rabbitmq.url());
    let builder = ClusterBuilder::in_directory(&directory.join("cluster"), &database, &amqp);
    let cluster = builder.file("ssd").start().await?;
    timeline.say("cinderblock-api, -scheduler and -volume are up, with one backend: host@ssd")?;
    let outcome = Story { timeline, cluster: &cluster, client: cluster.client() }.unfold().await;
    cluster.stop()?;
    servers.stop()?;
    outcome?;
    timeline.say("everything is as it says. Nothing is left running.")
}

struct Story<'a> {
    timeline: &'a Timeline,
    cluster: &'a Cluster,
    client: Client,
}

impl Story<'_> {
    async fn unfold(&self) -> anyhow::Result<()> {
        let client = &self.client;
        let data = self.volume("data", 1).await?;
        let idle = self.volume("idle", 1).await?;
        let snapshot = client.create_snapshot(&idle).await?;
        self.timeline.say("created volumes 'data' and 'idle', and a snapshot of 'idle'")?;

        client.attach(&data, "server-1").await?;
        let uri = client.nbd_uri(&data).await?;
        qemu_io(&uri, &["write -P 0x5a 0 64M", "flush"])?;
        qemu_io(&uri, &["read -P 0x5a 0 64M"])?;
        self.timeline.say("attached 'data' over NBD, wrote 64 MiB, read them back")?;

        let before = (self.checksum(&data)?, self.checksum(&idle)?, self.rows().await?);
        client.operate("freeze", "host@ssd").await?.expect_status(200)?;
        self.timeline.say("FROZEN: host@ssd")?;
        self.refusals(&data, &idle, &snapshot).await?;
        self.reads(&data, &snapshot).await?;
        qemu_io(&uri, &["read -P 0x5a 0 64M"])?;
        Timeline::detail("read     the server's 64 MiB over NBD            as before")?;

        let after = (self.checksum(&data)?, self.checksum(&idle)?, self.rows().await?);
        ensure!(before.0 == after.0 && before.1 == after.1, "the data has changed");
        ensure!(before.2 == after.2, "the rows have changed:\n{}\n{}", before.2, after.2);
        self.timeline.say("both volumes have the same bytes, the database the same rows")?;

        client.operate("thaw", "host@ssd").await?.expect_status(200)?;
        self.timeline.say("thawed")?;
        client.act(&idle, "os-extend", json!({ "new_size": 2 })).await?.expect_status(202)?;
        client.wait_for_status(&idle, "available").await?;
        client.detach(&data).await?;
        for volume in [&data, &idle] {
            client.delete(&format!("/volumes/{volume}?cascade=true")).await?.expect_status(202)?;
            client.wait_for_status(volume, "deleted").await?;
        }
        harness::invariants::check(self.cluster).await?;
        self.timeline
            .say("extended 'idle', detached 'data', deleted both; nothing is left on the backend")
    }

    async fn volume(&self, name: &str, size: i32) -> anyhow::Result<String> {
        let id = self.client.create_volume(json!({ "name": name, "size": size })).await?;
        self.client.wait_for_status(&id, "available").await?;
        Ok(id)
    }

    /// Every kind of request that would change the backend.
    async fn refusals(&self, data: &str, idle: &str, snapshot: &str) -> anyhow::Result<()> {
        let client = &self.client;
        let on_idle = format!("/volumes/{idle}");
        let forced = json!({ "os-force_delete": null });
        let refused: Vec<(&str, Answered)> = vec![
            ("create a volume", client.post("/volumes", json!({ "volume": { "size": 1 } })).await?),
            (
                "clone 'data'",
                client.post("/volumes", json!({ "volume": { "source_volid": data } })).await?,
            ),
            (
                "create from the snapshot",
                client.post("/volumes", json!({ "volume": { "snapshot_id": snapshot } })).await?,
            ),
            ("delete 'idle'", client.delete(&format!("{on_idle}?cascade=true")).await?),
            ("force-delete 'idle'", client.act(idle, "os-force_delete", Value::Null).await?),
            ("extend 'idle'", client.act(idle, "os-extend", json!({ "new_size": 2 })).await?),
            (
                "revert 'idle' to the snapshot",
                client.act(idle, "revert", json!({ "snapshot_id": snapshot })).await?,
            ),
            (
                "snapshot 'data'",
                client.post("/snapshots", json!({ "snapshot": { "volume_id": data } })).await?,
            ),
            ("delete the snapshot", client.delete(&format!("/snapshots/{snapshot}")).await?),
            (
                "force-delete the snapshot",
                client.post(&format!("/snapshots/{snapshot}/action"), forced).await?,
            ),
        ];
        for (what, answer) in refused {
            ensure!(answer.status == 400, "{what}: {} {}", answer.status, answer.body);
            ensure!(answer.fault().contains("frozen"), "{what}: {}", answer.fault());
            Timeline::detail(format!("refused  {what:<40} {}", answer.fault()))?;
        }
        Ok(())
    }

    async fn reads(&self, data: &str, snapshot: &str) -> anyhow::Result<()> {
        let reads = [
            ("the volumes", "/volumes/detail".to_owned()),
            ("'data'", format!("/volumes/{data}")),
            ("the snapshot", format!("/snapshots/{snapshot}")),
            ("the attachments", "/attachments".to_owned()),
            ("the services", "/os-services".to_owned()),
        ];
        for (what, path) in reads {
            self.client.get(&path).await?.expect_status(200)?;
            Timeline::detail(format!("served   {what:<40} 200"))?;
        }
        Ok(())
    }

    /// The SHA-256 of all of a volume's bytes.
    fn checksum(&self, volume: &str) -> anyhow::Result<String> {
        let path = self.cluster.directory().join(format!("ssd/volumes/volume-{volume}"));
        let output = Command::new("sha256sum").arg(path).output().context("sha256sum")?;
        ensure!(output.status.success(), "sha256sum: {}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8_lossy(&output.stdout);
        Ok(printed.split_whitespace().next().unwrap_or_default().to_owned())
    }

    /// Everything in the database that a request could change.
    async fn rows(&self) -> anyhow::Result<String> {
        let sql = "select jsonb_build_object( \
            'volumes', (select jsonb_agg(to_jsonb(v) order by id) from volumes v), \
            'snapshots', (select jsonb_agg(to_jsonb(s) order by id) from snapshots s), \
            'attachments', (select jsonb_agg(to_jsonb(a) order by id) from attachments a), \
            'quota', (select jsonb_agg(to_jsonb(q) order by resource) from quota_usages q))::text";
        Ok(self.cluster.database().await?.query_one(sql, &[]).await?.get(0))
    }
}

/// Does something over NBD; an error when it does not succeed, or reads something else than it should.
fn qemu_io(uri: &str, commands: &[&str]) -> anyhow::Result<()> {
    ensure!(
        harness::qemu_io(uri, commands)?,
        "qemu-io does not do this as it should: {commands:?}"
    );
    Ok(())
}
