//! Two clusters that mirror to each other: planned failovers lose nothing, and after a disaster it is known what is lost.

use crate::writer::{Acknowledged, Writer, found};
use harness::ceph::{self, CephPair, new_mirrored_pool};
use harness::replication::{of_volume, pair, service};
use harness::{BackendSpec, Client, Cluster, ClusterBuilder, files, until};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What a worker says of its own accord in a failover between clusters.
const EXPECTED: [&str; 8] = [
    "replication failed",
    "cannot follow the active side",
    "cutting off a client",
    "replica not brought up to date",
    "does not answer",
    "it becomes a copy",
    "the driver does not report",
    "could not be updated",
];
/// How long mirroring may take for what is small: mostly the pauses of `rbd-mirror`.
const PATIENCE: Duration = Duration::from_secs(180);

struct Backend {
    cluster: Cluster,
    clusters: PathBuf,
    pool: String,
}

impl Backend {
    async fn start(clusters: &Path) -> anyhow::Result<Self> {
        let pool = new_mirrored_pool(clusters).await?;
        let conf = |side: &str| clusters.join(side).join("ceph.conf").display().to_string();
        let settings = format!(
            "rbd.rbd_ceph_conf = '{}'\nrbd.rbd_pool = '{pool}'\nrbd.rbd_user = 'admin'\nrbd.mirror_interval_seconds = 1\n\
             [[backends.a.replication_device]]\nbackend_id = 'b'\nconf = '{}'\n",
            conf("a"),
            conf("b")
        );
        let backend = BackendSpec { name: "a".to_owned(), driver: "rbd", settings };
        let cluster = ClusterBuilder::for_test().await?.default_timers();
        let cluster = cluster.backend(backend).start().await?;
        let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
        cluster.client().create_volume_type("replicated", specs).await?;
        Ok(Self { cluster, clusters: clusters.to_owned(), pool })
    }

    fn client(&self) -> Client {
        self.cluster.client()
    }

    fn conf(&self, side: &str) -> PathBuf {
        self.clusters.join(side).join("ceph.conf")
    }

    fn image(&self, volume: &str) -> String {
        format!("{}/volume-{volume}", self.pool)
    }

    async fn replicated_volume(&self) -> anyhow::Result<String> {
        let asked = json!({ "size": 1, "volume_type": "replicated" });
        let id = self.client().create_volume(asked).await?;
        self.client().wait_for_status(&id, "available").await?;
        self.wait_until_as_of_now(&id).await?;
        Ok(id)
    }

    async fn writer(&self, side: &str, volume: &str, first: u64) -> anyhow::Result<Writer> {
        Writer::start(&self.conf(side), &self.pool, volume, first).await
    }

    /// Since when the replica is complete, in seconds since 1970.
    async fn as_of(&self, volume: &str) -> anyhow::Result<Option<f64>> {
        let sql = "select extract(epoch from replica_as_of)::float8 from volume_details where id = $1::text::uuid";
        Ok(self.cluster.database().await?.query_one(sql, &[&volume]).await?.get(0))
    }

    /// Waits until the replica is as the volume was after this was called.
    async fn wait_until_as_of_now(&self, volume: &str) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        until("the replica is brought up to date", PATIENCE, || async {
            self.as_of(volume).await.is_ok_and(|as_of| as_of.is_some_and(|as_of| as_of > now))
        })
        .await
    }

    /// `cinderblock-manage`, as an operator calls it: what it prints, or its complaint.
    async fn manage(&self, line: &str) -> anyhow::Result<Result<String, String>> {
        let mut command = Command::new(files::program("cinderblock-manage")?);
        command.arg("--config").arg(self.cluster.config_file()).args(line.split(' '));
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = (text(&output.stdout), text(&output.stderr));
        Ok(if output.status.success() { Ok(printed.0) } else { Err(printed.0 + &printed.1) })
    }

    async fn fail_over(&self, arguments: &str) -> anyhow::Result<String> {
        let line = format!("backend failover host@a {arguments}");
        self.manage(&line).await?.map_err(|complaint| anyhow::anyhow!("{line}: {complaint}"))
    }

    /// The monitors that a server is told of.
    async fn told(&self, volume: &str) -> anyhow::Result<Value> {
        let client = self.client();
        client.attach(volume, "host-1").await?;
        let told = client.connection_info(volume).await?;
        client.detach(volume).await?;
        Ok(told["hosts"].clone())
    }

    async fn monitor(&self, side: &str) -> anyhow::Result<String> {
        let conf = std::fs::read_to_string(self.conf(side))?;
        let line = conf.lines().find_map(|line| line.strip_prefix("public addr = "));
        Ok(line.unwrap_or_default().to_owned())
    }
}

/// Where a server writes that has not been told of the failover: behind everything that others write.
const OF_OLD_SIDE: u64 = 150_000;

fn last(numbers: &[u64]) -> u64 {
    numbers.last().copied().unwrap_or_default()
}

fn numbers(acknowledged: &[Acknowledged]) -> Vec<u64> {
    acknowledged.iter().map(|(number, _)| *number).collect()
}

#[tokio::test]
async fn a_planned_failover_and_the_way_home_lose_nothing() -> anyhow::Result<()> {
    let backend = Backend::start(&ceph::of_this_run()?).await?;
    let client = backend.client();
    let volume = backend.replicated_volume().await?;
    let plain = client.available_volume(1).await?;
    let snapshot = client.create_snapshot(&volume).await?;
    client.wait_until(&format!("/snapshots/{snapshot}"), "snapshot", "available").await?;
    assert_eq!(backend.told(&volume).await?, json!([backend.monitor("a").await?]));

    let writer = backend.writer("a", &volume, 1).await?;
    let told = backend.fail_over("--to b").await?;
    assert!(told.contains("demote and promote"), "{told}");
    let there = writer.require_cut_off().await?;
    let found_there =
        found(&backend.conf("b"), &backend.image(&volume), last(&numbers(&there)) + 100).await?;
    assert_eq!(found_there[..there.len()], numbers(&there));
    assert_eq!(of_volume(&client, &volume).await?, pair("available", "failed-over"));
    assert_eq!(of_volume(&client, &plain).await?, pair("error", "not-capable"));
    assert_eq!(backend.told(&volume).await?, json!([backend.monitor("b").await?]));

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
            let listed = ceph::run(&backend.conf(side), "rbd", &["ls", &backend.pool]).await;
            listed.is_ok_and(|images| images.is_empty())
        })
        .await?;
    }
    backend.cluster.finish(&EXPECTED).await
}

#[tokio::test]
async fn a_volume_that_is_retyped_loses_its_replica_or_gets_one() -> anyhow::Result<()> {
    let backend = Backend::start(&ceph::of_this_run()?).await?;
    let client = backend.client();
    client.create_volume_type("plain", json!({})).await?;
    let volume = backend.replicated_volume().await?;
    let there = async || {
        ceph::run(&backend.conf("b"), "rbd", &["ls", &backend.pool]).await.unwrap_or_default()
    };
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

#[tokio::test]
async fn after_a_disaster_it_is_known_what_is_lost_and_the_old_side_comes_home()
-> anyhow::Result<()> {
    let directory =
        files::run_directory().join("test").join(&uuid::Uuid::new_v4().simple().to_string()[..8]);
    let mut clusters = CephPair::start(&directory).await?;
    let backend = Backend::start(&directory).await?;
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
    clusters.a.burn();
    clusters.b.burn();
    Ok(std::fs::remove_dir_all(directory)?)
}
