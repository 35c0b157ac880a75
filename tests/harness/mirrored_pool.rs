//! A backend of cinderblock in a pool that two Ceph clusters mirror to each other.

use crate::ceph::{self, mirror_pool, new_mirrored_pool};
use crate::rbd_writer::Writer;
use crate::replication::service;
use crate::{BackendSpec, Client, Cluster, ClusterBuilder, files, until};
use anyhow::Context as _;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// What a worker says of its own accord in a failover between clusters.
pub const EXPECTED: [&str; 8] = [
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
pub const PATIENCE: Duration = Duration::from_secs(180);
/// How long a worker may take from its end to counting as down.
const TO_BE_DOWN: Duration = Duration::from_secs(40);

/// The backend `a`, on the Ceph cluster `a`, with the Ceph cluster `b` as its replication target.
pub struct MirroredPool {
    /// The services.
    pub cluster: Cluster,
    clusters: PathBuf,
    pool: String,
}

impl MirroredPool {
    /// Starts the services of a test, with a new pool on both Ceph clusters of a directory.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn start(clusters: &Path) -> anyhow::Result<Self> {
        Self::serve(ClusterBuilder::for_test().await?, clusters, 1).await
    }

    /// The same with the services that somebody has begun to describe, and another interval of mirror snapshots, in seconds.
    ///
    /// # Errors
    /// When something does not start.
    pub async fn serve(
        services: ClusterBuilder,
        clusters: &Path,
        interval: u64,
    ) -> anyhow::Result<Self> {
        let pool = new_mirrored_pool(clusters).await?;
        let conf = |side: &str| clusters.join(side).join("ceph.conf").display().to_string();
        let settings = format!(
            "rbd.rbd_ceph_conf = '{}'\nrbd.rbd_pool = '{pool}'\nrbd.rbd_user = 'admin'\nrbd.mirror_interval_seconds = {interval}\n\
             [[backends.a.replication_device]]\nbackend_id = 'b'\nconf = '{}'\n",
            conf("a"),
            conf("b")
        );
        let backend = BackendSpec { name: "a".to_owned(), driver: "rbd", settings };
        let cluster = services.default_timers().backend(backend).start().await?;
        let specs = json!({ "extra_specs": { "replication_enabled": "<is> True" } });
        cluster.client().create_volume_type("replicated", specs).await?;
        Ok(Self { cluster, clusters: clusters.to_owned(), pool })
    }

    /// A client of the API.
    #[must_use]
    pub fn client(&self) -> Client {
        self.cluster.client()
    }

    /// The file that describes a Ceph cluster.
    #[must_use]
    pub fn conf(&self, side: &str) -> PathBuf {
        self.clusters.join(side).join("ceph.conf")
    }

    /// The image of a volume, with its pool.
    #[must_use]
    pub fn image(&self, volume: &str) -> String {
        format!("{}/volume-{volume}", self.pool)
    }

    /// What the pool has on a side.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn images(&self, side: &str) -> anyhow::Result<String> {
        ceph::run(&self.conf(side), "rbd", &["ls", &self.pool]).await
    }

    /// A volume of 1 GiB whose replica is complete.
    ///
    /// # Errors
    /// When it does not become that.
    pub async fn replicated_volume(&self) -> anyhow::Result<String> {
        let asked = json!({ "size": 1, "volume_type": "replicated" });
        let id = self.client().create_volume(asked).await?;
        self.client().wait_for_status(&id, "available").await?;
        self.wait_until_as_of_now(&id).await?;
        Ok(id)
    }

    /// A server that writes to a volume on a side, from a block on.
    ///
    /// # Errors
    /// When it does not begin to.
    pub async fn writer(&self, side: &str, volume: &str, first: u64) -> anyhow::Result<Writer> {
        Writer::start(&self.conf(side), &self.pool, volume, first).await
    }

    /// Since when the replica is complete, in seconds since 1970.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn as_of(&self, volume: &str) -> anyhow::Result<Option<f64>> {
        let sql = "select extract(epoch from replica_as_of)::float8 from volume_details where id = $1::text::uuid";
        Ok(self.cluster.database().await?.query_one(sql, &[&volume]).await?.get(0))
    }

    /// Waits until the replica is as the volume was after this was called.
    ///
    /// # Errors
    /// When it does not become that.
    pub async fn wait_until_as_of_now(&self, volume: &str) -> anyhow::Result<()> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
        until("the replica is brought up to date", PATIENCE, || async {
            self.as_of(volume).await.is_ok_and(|as_of| as_of.is_some_and(|as_of| as_of > now))
        })
        .await
    }

    /// `cinderblock-manage`, as an operator calls it: what it prints, or its complaint.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn manage(&self, line: &str) -> anyhow::Result<Result<String, String>> {
        let mut command = Command::new(files::program("cinderblock-manage")?);
        command.arg("--config").arg(self.cluster.config_file()).args(line.split(' '));
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = (text(&output.stdout), text(&output.stderr));
        Ok(if output.status.success() { Ok(printed.0) } else { Err(printed.0 + &printed.1) })
    }

    /// The same where a complaint is an error.
    ///
    /// # Errors
    /// When the command fails.
    pub async fn managed(&self, line: &str) -> anyhow::Result<String> {
        self.manage(line).await?.map_err(|complaint| anyhow::anyhow!("{line}: {complaint}"))
    }

    /// `backend failover`, with more arguments.
    ///
    /// # Errors
    /// When it fails.
    pub async fn fail_over(&self, arguments: &str) -> anyhow::Result<String> {
        self.managed(&format!("backend failover host@a {arguments}")).await
    }

    /// What an operator does when A is there anew, and empty: B gets it as its peer in place of the one that it was.
    ///
    /// # Errors
    /// When the clusters do not mirror.
    pub async fn put_new_a_behind_b(&self) -> anyhow::Result<()> {
        self.put_behind_b(&self.conf("a")).await
    }

    async fn put_behind_b(&self, conf: &Path) -> anyhow::Result<()> {
        let b = self.conf("b");
        ceph::forget_peer(&b, &self.pool).await?;
        ceph::make_pool(conf, &self.pool).await?;
        mirror_pool(&b, conf, &self.pool).await
    }

    /// What an operator does before a promotion: B gets another peer, C, in place of the one that is lost, and in the
    /// configuration B becomes the backend's own cluster, and C its target.
    ///
    /// # Errors
    /// When the clusters do not mirror.
    pub async fn put_c_behind_b(&self) -> anyhow::Result<()> {
        let (b, c) = (self.conf("b"), self.conf("c"));
        self.put_behind_b(&c).await?;
        let of = |conf: &Path| format!("'{}'", conf.display());
        let file = self.cluster.directory().join("cinderblock.toml");
        let swapped = std::fs::read_to_string(&file)?
            .replace(&of(&b), &of(&c))
            .replace(&of(&self.conf("a")), &of(&b))
            .replace("backend_id = 'b'", "backend_id = 'c'");
        Ok(std::fs::write(&file, swapped)?)
    }

    /// Stops the worker, and returns when it counts as down: by itself that is 20 seconds after its last heartbeat.
    ///
    /// # Errors
    /// When it goes on.
    pub async fn stop_worker(&mut self) -> anyhow::Result<()> {
        self.cluster.workers.clear();
        let client = self.client();
        until("the backend is down", TO_BE_DOWN, || async {
            service(&client).await.is_ok_and(|service| service["backend_state"] == "down")
        })
        .await
    }

    /// The monitors that a server is told of.
    ///
    /// # Errors
    /// When it is not told.
    pub async fn told(&self, volume: &str) -> anyhow::Result<Value> {
        let client = self.client();
        client.attach(volume, "host-1").await?;
        let told = client.connection_info(volume).await?;
        client.detach(volume).await?;
        Ok(told["hosts"].clone())
    }

    /// The address of a cluster's monitor.
    ///
    /// # Errors
    /// When its file does not say.
    pub fn monitor(&self, side: &str) -> anyhow::Result<String> {
        let conf = std::fs::read_to_string(self.conf(side))?;
        let line = conf.lines().find_map(|line| line.strip_prefix("public addr = "));
        Ok(line.context("an address")?.to_owned())
    }
}
