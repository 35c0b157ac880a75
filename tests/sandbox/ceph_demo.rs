//! `demo --ceph`: the fire drill on Ceph, as a timeline.
//!
//! Cluster A burns under servers that write, and everything that it had. The backend fails over to what B has, which is as old as it is
//! said to be. A is built anew; what B serves is brought there while servers write, and the backend goes home without loss. Then A burns
//! again, and B is promoted and replicated to a new cluster C.

use crate::timeline::Timeline;
use anyhow::{Context as _, ensure};
use harness::ceph::{CephCluster, CephPair};
use harness::mirrored_pool::{MirroredPool, PATIENCE};
use harness::rbd_writer::{Acknowledged, Writer, found};
use harness::replication::wait_until_serving;
use harness::servers::OwnServers;
use harness::{ClusterBuilder, until};
use serde_json::Value;
use std::path::Path;

/// How many volumes there are.
const VOLUMES: usize = 3;
/// How many blocks each writer has acknowledged after its replica was complete, at least, when something happens.
const WRITES: usize = 200;

pub(crate) async fn tell(timeline: &Timeline, directory: &Path) -> anyhow::Result<()> {
    timeline.say("starting private PostgreSQL and RabbitMQ, and two Ceph clusters")?;
    let servers = OwnServers::start(&directory.join("servers"), true).await?;
    let clusters = directory.join("ceph");
    let mut ceph = CephPair::start(&clusters).await?;
    let (database, amqp) = (servers.postgres.url("postgres"), servers.rabbitmq.url());
    let services = ClusterBuilder::in_directory(&directory.join("cluster"), &database, &amqp);
    let backend = MirroredPool::serve(services, &clusters, 1).await?;
    timeline.say("cinderblock is up: host@a on cluster A, mirrored to cluster B")?;
    let mut drill = FireDrill { timeline, backend, volumes: Vec::new() };
    let outcome = drill.unfold(&mut ceph, &clusters).await;
    let stopped = drill.backend.cluster.stop().and_then(|()| servers.stop());
    outcome.and(stopped)
}

struct FireDrill<'a> {
    timeline: &'a Timeline,
    backend: MirroredPool,
    volumes: Vec<Disk>,
}

/// A volume, and the numbers of the blocks that were written to it and must be there.
struct Disk {
    id: String,
    written: Vec<u64>,
}

impl Disk {
    fn next(&self) -> u64 {
        self.written.last().map_or(1, |last| last + 1)
    }
}

fn numbers(acknowledged: &[Acknowledged]) -> impl Iterator<Item = u64> + '_ {
    acknowledged.iter().map(|(number, _)| *number)
}

impl FireDrill<'_> {
    async fn unfold(&mut self, ceph: &mut CephPair, directory: &Path) -> anyhow::Result<()> {
        for _ in 0..VOLUMES {
            let id = self.backend.replicated_volume().await?;
            self.volumes.push(Disk { id, written: Vec::new() });
        }
        self.timeline.say(format!("{VOLUMES} volumes are mirrored to B"))?;
        self.burn_and_serve_from_b(ceph).await?;
        ceph.a = CephCluster::start(&directory.join("a")).await?;
        ceph.a.mirror().await?;
        self.backend.put_new_a_behind_b().await?;
        ceph.b.restart_mirror()?;
        until("the worker sees A", PATIENCE, || async {
            let shown = self.backend.managed("--json backend show host@a").await;
            let shown = shown.ok().and_then(|shown| serde_json::from_str::<Value>(&shown).ok());
            shown.is_some_and(|backend| backend["down"] == "")
        })
        .await?;
        self.timeline.say("A is built anew, and empty; it is B's peer")?;
        self.move_without_loss("b", "a", "default").await?;
        self.bring_up_to_date().await?;
        self.timeline.say("B is brought up to date again")?;
        self.burn_and_serve_from_b(ceph).await?;
        let mut c = CephCluster::start(&directory.join("c")).await?;
        c.mirror().await?;
        self.promote().await?;
        self.bring_up_to_date().await?;
        self.timeline.say("what B has is on C")?;
        self.move_without_loss("b", "c", "c").await
    }

    async fn bring_up_to_date(&self) -> anyhow::Result<()> {
        for disk in &self.volumes {
            self.backend.wait_until_as_of_now(&disk.id).await?;
        }
        Ok(())
    }

    async fn start_writers(&self, side: &str) -> anyhow::Result<Vec<Writer>> {
        let mut writers = Vec::new();
        for disk in &self.volumes {
            writers.push(self.backend.writer(side, &disk.id, disk.next()).await?);
        }
        self.timeline.say(format!("{VOLUMES} servers write"))?;
        self.bring_up_to_date().await?;
        for writer in &writers {
            writer.write_more(WRITES).await?;
        }
        Ok(writers)
    }

    /// A burns under servers; what B serves is what each volume was at one moment, which was told.
    async fn burn_and_serve_from_b(&mut self, ceph: &mut CephPair) -> anyhow::Result<()> {
        let writers = self.start_writers("a").await?;
        ceph.a.burn_down()?;
        self.timeline
            .say("FIRE: cluster A's daemons are killed, and what they had stored is gone")?;
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.push(writer.kill().await?);
        }
        let mut told = Vec::new();
        for disk in &self.volumes {
            told.push(self.backend.as_of(&disk.id).await?.context("the replica's age is known")?);
        }
        let refused = self.backend.manage("backend failover host@a --to b").await?;
        let complaint = refused.err().context("a failover that may lose something is not begun")?;
        Timeline::detail(format!("refused: {}", complaint.lines().last().unwrap_or_default()))?;
        self.command("backend failover host@a --to b --accept-data-loss --max-age 1m").await?;
        self.timeline.say("FAILED OVER to B")?;
        for ((disk, acknowledged), told) in self.volumes.iter_mut().zip(acknowledged).zip(told) {
            disk.written = served(&self.backend, disk, &acknowledged, told).await?;
        }
        Ok(())
    }

    /// The backend moves to another side under servers that write: no acknowledged write is missing there.
    async fn move_without_loss(&mut self, from: &str, to: &str, name: &str) -> anyhow::Result<()> {
        let mut writers = Vec::new();
        for disk in &self.volumes {
            writers.push(self.backend.writer(from, &disk.id, disk.next()).await?);
        }
        self.timeline.say(format!("{VOLUMES} servers write to {}", from.to_uppercase()))?;
        self.command(&format!("backend failover host@a --to {name}")).await?;
        let mut all = 0;
        for (disk, writer) in self.volumes.iter_mut().zip(writers) {
            disk.written.extend(numbers(&writer.require_cut_off().await?));
            let image = self.backend.image(&disk.id);
            let there = found(&self.backend.conf(to), &image, disk.next()).await?;
            let missing = disk.written.iter().filter(|number| !there.contains(number)).count();
            ensure!(missing == 0, "{} lacks {missing} acknowledged writes", disk.id);
            all += disk.written.len();
            // the last one may have been written without an answer
            disk.written = there;
        }
        Timeline::detail(format!(
            "{all} of {all} acknowledged writes are on {}",
            to.to_uppercase()
        ))?;
        self.timeline.say(format!("FAILED OVER to {}, without loss", to.to_uppercase()))
    }

    /// Stop, change the configuration, promote, start, thaw.
    async fn promote(&mut self) -> anyhow::Result<()> {
        let client = self.backend.client();
        self.command("backend freeze host@a").await?;
        self.backend.stop_worker().await?;
        self.backend.put_c_behind_b().await?;
        Timeline::detail(
            "worker stopped; in its configuration B is the backend's own cluster now, and C its target",
        )?;
        self.command("backend promote host@a").await?;
        self.backend.cluster.add_worker(&[]).await?;
        wait_until_serving(&client).await?;
        self.command("backend thaw host@a").await?;
        self.timeline.say("PROMOTED: B is the primary of host@a; replication to C starts")
    }

    /// What an operator types at the machine.
    async fn command(&self, line: &str) -> anyhow::Result<()> {
        Timeline::detail(format!("$ cinderblock-manage {line}"))?;
        self.backend.managed(line).await?.lines().try_for_each(Timeline::detail)
    }
}

/// The blocks that are served: all that were written before the moment that was told, and no later one without those before it.
async fn served(
    backend: &MirroredPool,
    disk: &Disk,
    acknowledged: &[Acknowledged],
    told: f64,
) -> anyhow::Result<Vec<u64>> {
    let (last, last_at) = *acknowledged.last().context("something was written")?;
    let there = found(&backend.conf("b"), &backend.image(&disk.id), last + 1).await?;
    let is_prefix = there.iter().copied().eq(1..=there.len() as u64);
    ensure!(is_prefix, "{} has a write without those before it", disk.id);
    let lost: Vec<_> = acknowledged.iter().filter(|(number, _)| !there.contains(number)).collect();
    if let Some((number, at)) = lost.first() {
        ensure!(*at > told, "{} lacks block {number}, which it was said to have", disk.id);
    }
    Timeline::detail(format!(
        "{} of {last} writes are there; said to be {:.1} s old",
        there.len(),
        last_at - told
    ))?;
    Ok(there)
}
