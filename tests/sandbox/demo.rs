//! `demo`: the fire drill, as a short timeline.
//!
//! There is a fire, and array A burns. The backend fails over to B, with every acknowledged write; it is
//! frozen, and it *is* frozen; B is promoted and replicated to C; then B burns as well. Nothing of it needs a
//! word of SQL.

use crate::timeline::Timeline;
use anyhow::{Context as _, ensure};
use harness::replication::wait_until_in_sync;
use harness::servers::OwnServers;
use harness::writer::{Writer, missing};
use harness::{Answered, Client, Cluster, ClusterBuilder, files, until};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) async fn tell(timeline: &Timeline, directory: &Path) -> anyhow::Result<()> {
    timeline.say("starting private PostgreSQL and RabbitMQ")?;
    let servers = OwnServers::start(&directory.join("servers"), true).await?;
    let (database, amqp) = (servers.postgres.url("postgres"), servers.rabbitmq.url());
    let builder = ClusterBuilder::in_directory(&directory.join("cluster"), &database, &amqp);
    let mut cluster = builder.replicated("ssd", &["b"], "").start().await?;
    timeline.say("cinderblock is up: host@ssd on array A, replicated to array B")?;
    let client = cluster.client();
    let outcome = FireDrill { timeline, client, cluster: &mut cluster }.unfold().await;
    let stopped = cluster.stop().and_then(|()| servers.stop());
    outcome.and(stopped)
}

/// How many volumes there are, and how many of them are replicated.
const VOLUMES: usize = 10;
const REPLICATED: usize = 8;
/// How many blocks each writer has acknowledged, at least, when the fire breaks out.
const WRITES: usize = 300;

struct FireDrill<'a> {
    timeline: &'a Timeline,
    client: Client,
    cluster: &'a mut Cluster,
}

impl FireDrill<'_> {
    async fn unfold(&mut self) -> anyhow::Result<()> {
        let volumes = self.make_volumes().await?;
        self.verify_replicas()?;
        let writers = self.start_writers(&volumes[..REPLICATED]).await?;
        self.drill(&volumes[0], writers[0].acknowledged()).await?;
        let acknowledged = self.burn_under(writers).await?;
        self.fail_over("b").await?;
        self.verify("b", &volumes[..REPLICATED], &acknowledged)?;
        self.work_on(&volumes[0], "b").await?;
        self.freeze_and_be_refused(&volumes).await?;
        self.promote().await?;
        self.verify("b", &volumes[..REPLICATED], &acknowledged)?;
        wait_until_in_sync(self.cluster, i64::try_from(REPLICATED)?).await?;
        self.timeline.say(format!("{REPLICATED} of {REPLICATED} volumes are in sync on C"))?;
        self.burn("b")?;
        self.timeline.say("FIRE: array B is gone as well")?;
        self.fail_over("c").await?;
        self.verify("c", &volumes[..REPLICATED], &acknowledged)?;
        self.work_on(&volumes[0], "c").await?;
        self.timeline.say("and servers work on C")
    }

    async fn make_volumes(&self) -> anyhow::Result<Vec<String>> {
        let client = &self.client;
        let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
        client.create_volume_type("replicated", specs).await?;
        let mut volumes = Vec::new();
        for number in 0..VOLUMES {
            let volume_type = if number < REPLICATED { "replicated" } else { "__DEFAULT__" };
            let name = format!("disk-{number}");
            let asked = json!({ "name": name, "size": 1, "volume_type": volume_type });
            let id = client.create_volume(asked).await?;
            client.wait_for_status(&id, "available").await?;
            volumes.push(id);
        }
        wait_until_in_sync(self.cluster, i64::try_from(REPLICATED)?).await?;
        self.timeline
            .say(format!("{VOLUMES} volumes; the {REPLICATED} replicated ones are in sync on B"))?;
        Ok(volumes)
    }

    /// What a failover would find: replicas that are equal, and in sync.
    fn verify_replicas(&self) -> anyhow::Result<()> {
        for line in self.manage(&["backend", "verify", "host@ssd"])?.lines() {
            Timeline::detail(line)?;
        }
        let shown = self.manage(&["backend", "show", "host@ssd"])?;
        let replicas = shown.lines().filter(|line| line.contains("replica"));
        replicas.into_iter().try_for_each(Timeline::detail)?;
        self.timeline.say("VERIFIED: what is on B is what is on A")
    }

    /// Servers that write, one for each volume.
    async fn start_writers(&self, volumes: &[String]) -> anyhow::Result<Vec<Writer>> {
        let mut writers = Vec::new();
        for id in volumes {
            self.client.attach(id, "server-1").await?;
            writers.push(Writer::start(&self.client.nbd_uri(id).await?)?);
        }
        self.timeline.say(format!("{} servers are attached and write", writers.len()))?;
        until("every writer writes", Duration::from_secs(30), || async {
            writers.iter().all(|writer| writer.acknowledged() >= WRITES)
        })
        .await?;
        Ok(writers)
    }

    /// A failover is rehearsed while servers write: a volume is looked at on B, and written to there, and nobody is disturbed.
    async fn drill(&self, volume: &str, acknowledged: usize) -> anyhow::Result<()> {
        let told = self.manage(&["backend", "drill", "host@ssd", "--to", "b"])?;
        let result = |line: &&str| line.contains("copied") || line.contains(" s  ");
        told.lines().filter(result).try_for_each(Timeline::detail)?;
        let uri = told.lines().find(|line| line.contains(volume));
        let uri = uri.and_then(|line| line.split(' ').next_back());
        let uri = uri.context("the drill tells where the copy is")?;
        let content = self.cluster.directory().join(format!("b/drills/drill-{volume}"));
        let missing = missing(&content, acknowledged)?;
        ensure!(missing.is_empty(), "the copy lacks the acknowledged blocks {missing:?}");
        qemu_io(uri, &["write -P 0xdd 900M 1M", "flush"])?;
        Timeline::detail(
            "the copy of 'disk-0' has every write that was acknowledged, and took one",
        )?;
        for line in self.manage(&["backend", "drill", "host@ssd", "--end"])?.lines() {
            Timeline::detail(line)?;
        }
        self.timeline.say("DRILL: B could take over now, and the servers have noticed nothing")
    }

    /// The number of blocks that each writer knows to be safe.
    async fn burn_under(&self, writers: Vec<Writer>) -> anyhow::Result<Vec<usize>> {
        self.burn("ssd")?;
        self.timeline.say("FIRE: array A's daemon is killed and its directory is gone")?;
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.push(writer.end().await);
        }
        let all: usize = acknowledged.iter().sum();
        Timeline::detail(format!("{all} writes had been acknowledged"))?;
        Ok(acknowledged)
    }

    fn burn(&self, array: &str) -> anyhow::Result<()> {
        Ok(harness::burn(&self.cluster.directory().join(array))?)
    }

    async fn fail_over(&self, target: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        for line in self.manage(&["backend", "failover", "host@ssd", "--to", target])?.lines() {
            Timeline::detail(line)?;
        }
        let took = started.elapsed().as_secs_f64();
        self.timeline.say(format!("FAILED OVER to {}: {took:.2} s", target.to_uppercase()))
    }

    /// Every acknowledged write is in the file on this array.
    fn verify(
        &self,
        array: &str,
        volumes: &[String],
        acknowledged: &[usize],
    ) -> anyhow::Result<()> {
        for (id, count) in volumes.iter().zip(acknowledged) {
            let file = self.cluster.directory().join(format!("{array}/volumes/volume-{id}"));
            let missing = missing(&file, *count)?;
            ensure!(missing.is_empty(), "{id} lacks the acknowledged blocks {missing:?}");
        }
        let all: usize = acknowledged.iter().sum();
        Timeline::detail(format!(
            "{all} of {all} acknowledged writes are on {}",
            array.to_uppercase()
        ))
    }

    async fn work_on(&self, volume: &str, array: &str) -> anyhow::Result<()> {
        let client = &self.client;
        client.detach(volume).await?;
        client.attach(volume, "server-2").await?;
        let uri = client.nbd_uri(volume).await?;
        ensure!(uri.contains(&format!("/{array}/run/")), "{uri} does not lead to {array}");
        qemu_io(&uri, &["write -P 0x5a 900M 1M", "flush", "read -P 0x5a 900M 1M"])?;
        Timeline::detail(format!(
            "a server attached 'disk-0' on {} and wrote to it",
            array.to_uppercase()
        ))
    }

    /// What changes the backend is refused; servers and readers go on.
    async fn freeze_and_be_refused(&self, volumes: &[String]) -> anyhow::Result<()> {
        let client = &self.client;
        self.manage(&["backend", "freeze", "host@ssd"])?;
        self.timeline.say("FROZEN: host@ssd")?;
        let (data, idle) = (&volumes[0], &volumes[1]);
        let snapshot = json!({ "snapshot": { "volume_id": data, "force": true } });
        let refused: Vec<(&str, Answered)> = vec![
            ("create a volume", client.post("/volumes", json!({ "volume": { "size": 1 } })).await?),
            (
                "clone 'disk-0'",
                client.post("/volumes", json!({ "volume": { "source_volid": data } })).await?,
            ),
            ("delete 'disk-1'", client.delete(&format!("/volumes/{idle}")).await?),
            ("force-delete 'disk-1'", client.act(idle, "os-force_delete", Value::Null).await?),
            ("extend 'disk-1'", client.act(idle, "os-extend", json!({ "new_size": 2 })).await?),
            (
                "retype 'disk-1'",
                client.act(idle, "os-retype", json!({ "new_type": "__DEFAULT__" })).await?,
            ),
            ("unmanage 'disk-1'", client.act(idle, "os-unmanage", Value::Null).await?),
            ("snapshot 'disk-0'", client.post("/snapshots", snapshot).await?),
        ];
        for (what, answer) in refused {
            ensure!(answer.status == 400, "{what}: {} {}", answer.status, answer.body);
            ensure!(answer.fault().contains("frozen"), "{what}: {}", answer.fault());
            Timeline::detail(format!("refused  {what:<24} {}", answer.fault()))?;
        }
        client.detach(idle).await?;
        client.attach(idle, "server-3").await?;
        Timeline::detail("served   detach and attach 'disk-1', and every read")
    }

    /// Stop, swap, promote, start, thaw.
    async fn promote(&mut self) -> anyhow::Result<()> {
        self.cluster.workers.clear();
        until("the backend is down", Duration::from_secs(20), || async {
            let listed = self.client.get("/os-services?binary=cinder-volume").await;
            listed.is_ok_and(|listed| listed.body["services"][0]["backend_state"] == "down")
        })
        .await?;
        let config = self.cluster.directory().join("cinderblock.toml");
        let directory =
            |array: &str| format!("'{}'", self.cluster.directory().join(array).display());
        let swapped = std::fs::read_to_string(&config)?
            .replace(&directory("b"), &directory("c"))
            .replace(&directory("ssd"), &directory("b"))
            .replace("backend_id = 'b'", "backend_id = 'c'");
        std::fs::write(&config, swapped)?;
        Timeline::detail(
            "worker stopped; in its configuration B is the backend's own array now, and C its target",
        )?;
        self.manage(&["backend", "promote", "host@ssd"])?;
        self.cluster.add_worker(&[]).await?;
        until("the backend is up", Duration::from_secs(20), || async {
            let listed = self.client.get("/os-services?binary=cinder-volume").await;
            listed.is_ok_and(|listed| listed.body["services"][0]["backend_state"] == "up")
        })
        .await?;
        self.manage(&["backend", "thaw", "host@ssd"])?;
        self.timeline.say("PROMOTED: B is the primary of host@ssd; replication to C starts")
    }

    /// What an operator types at the machine.
    fn manage(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let program = files::program("cinderblock-manage")?;
        let config = self.cluster.directory().join("cinderblock.toml");
        Timeline::detail(format!("$ cinderblock-manage {}", arguments.join(" ")))?;
        let output = Command::new(program).arg("--config").arg(config).args(arguments).output()?;
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "`cinderblock-manage {}` failed\n{answer}{complaint}",
            arguments.join(" ")
        );
        Ok(answer)
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
