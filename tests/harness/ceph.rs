//! Private Ceph clusters of one monitor, one manager and one OSD on a sparse file, and two of them that mirror pools to each other.

use crate::process::Process;
use crate::wait::until;
use crate::{files, ports};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use uuid::Uuid;

/// The variable by which `sandbox run --ceph` tells the tests where its two clusters are: a directory with `a/ceph.conf` and
/// `b/ceph.conf`.
pub const VARIABLE: &str = "CINDERBLOCK_TEST_CEPH";

/// How long a daemon may take to be there.
const TO_START: Duration = Duration::from_secs(60);
/// Where a cluster's daemons store.
const STORES: [&str; 3] = ["mon", "mgr", "osd"];
/// The largest that an OSD becomes; it is sparse.
const OSD_SIZE: &str = "20G";

/// The clusters of this run.
///
/// # Errors
/// When there are none: the tests are not run by `make test-ceph` or `sandbox run --ceph`.
pub fn of_this_run() -> anyhow::Result<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this is no configuration of cinderblock")]
    let directory = std::env::var(VARIABLE).context("no Ceph clusters: use `make test-ceph`")?;
    Ok(PathBuf::from(directory))
}

/// Two clusters, `a` and `b`, each with a daemon that mirrors what the other one has in the pools that are mirrored.
pub struct CephPair {
    directory: PathBuf,
    /// The first.
    pub a: CephCluster,
    /// The second.
    pub b: CephCluster,
}

impl CephPair {
    /// Makes both in a directory, and starts them.
    ///
    /// # Errors
    /// When Ceph is not installed, or does not start.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        let (at_a, at_b) = (directory.join("a"), directory.join("b"));
        let (mut a, mut b) =
            tokio::try_join!(CephCluster::start(&at_a), CephCluster::start(&at_b))?;
        a.mirror().await?;
        b.mirror().await?;
        Ok(Self { directory: directory.to_owned(), a, b })
    }

    /// Both for one test, which may burn them.
    ///
    /// # Errors
    /// When Ceph is not installed, or does not start.
    pub async fn of_one_test() -> anyhow::Result<Self> {
        Self::start(&files::new_test_directory()).await
    }

    /// Ends them, and removes what they have stored.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(mut self) -> anyhow::Result<()> {
        self.a.burn();
        self.b.burn();
        Ok(std::fs::remove_dir_all(&self.directory)?)
    }

    /// Where they are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

/// A new pool on the clusters `a` and `b` of a directory, whose images are mirrored in either direction as soon as that is asked of one;
/// returns its name.
///
/// # Errors
/// When the clusters do not make it.
pub async fn new_mirrored_pool(directory: &Path) -> anyhow::Result<String> {
    let (a, b) = (directory.join("a/ceph.conf"), directory.join("b/ceph.conf"));
    let name = new_pool(&a).await?;
    make_pool(&b, &name).await?;
    mirror_pool(&a, &b, &name).await?;
    Ok(name)
}

/// Lets two clusters mirror the images of a pool that both have.
///
/// # Errors
/// When they do not.
pub async fn mirror_pool(one: &Path, other: &Path, pool: &str) -> anyhow::Result<()> {
    for conf in [one, other] {
        let enable = ["mirror", "pool", "enable", "--site-name", &site(conf), pool, "image"];
        run(conf, "rbd", &enable).await?;
    }
    let peer = ["mirror", "pool", "peer", "bootstrap"];
    let (of_one, of_other) = (site(one), site(other));
    let create = [&peer[..], &["create", "--site-name", &of_one, pool]].concat();
    let token = other.with_file_name(format!("token-{pool}"));
    std::fs::write(&token, run(one, "rbd", &create).await?)?;
    let token = token.display().to_string();
    let import = ["import", "--site-name", &of_other, "--direction", "rx-tx", pool, &token];
    run(other, "rbd", &[&peer[..], &import].concat()).await.map(drop)
}

/// A cluster mirrors a pool with no other one any more.
///
/// # Errors
/// When it does not answer.
pub async fn forget_peer(conf: &Path, pool: &str) -> anyhow::Result<()> {
    let shown = run(conf, "rbd", &["mirror", "pool", "info", pool, "--format", "json"]).await?;
    let shown: Value = serde_json::from_str(&shown)?;
    for peer in shown["peers"].as_array().into_iter().flatten() {
        let id = peer["uuid"].as_str().context("a peer has an id")?;
        run(conf, "rbd", &["mirror", "pool", "peer", "remove", pool, id]).await?;
    }
    Ok(())
}

/// How a cluster is called among those that mirror: by its directory.
fn site(conf: &Path) -> String {
    let directory = conf.parent().and_then(Path::file_name).unwrap_or_default();
    format!("site-{}", directory.display())
}

/// One cluster; its daemons end with this value.
pub struct CephCluster {
    directory: PathBuf,
    daemons: Vec<Process>,
    /// Whether it fetches what others mirror, and the daemon that does.
    mirrors: bool,
    mirror_daemon: Option<Process>,
}

impl CephCluster {
    /// Makes a cluster in a directory, and starts it.
    ///
    /// # Errors
    /// When Ceph is not installed, or does not start.
    pub async fn start(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let mut cluster = Self {
            directory: directory.to_owned(),
            daemons: Vec::new(),
            mirrors: false,
            mirror_daemon: None,
        };
        cluster.make_monitor()?;
        cluster.start_daemon("mon", "ceph-mon", &["-i", "a"])?;
        cluster.make_manager_and_osd().await?;
        cluster.start_others().await?;
        Ok(cluster)
    }

    /// Starts all daemons again after [`Self::burn`], with what they had stored.
    ///
    /// # Errors
    /// When one does not start.
    pub async fn start_again(&mut self) -> anyhow::Result<()> {
        self.start_daemon("mon", "ceph-mon", &["-i", "a"])?;
        self.start_others().await?;
        if self.mirrors { self.start_mirror() } else { Ok(()) }
    }

    /// From now on, this cluster fetches what others mirror to it.
    ///
    /// # Errors
    /// When the daemon for that does not start.
    pub async fn mirror(&mut self) -> anyhow::Result<()> {
        let rights = ["mon", "profile rbd-mirror", "osd", "profile rbd", "mgr", "profile rbd"];
        let user = [&["auth", "get-or-create", "client.rbd-mirror"], &rights[..]].concat();
        let mut keyring = std::fs::read_to_string(self.file("keyring"))?;
        keyring.push_str(&self.run("ceph", &user).await?);
        std::fs::write(self.file("keyring"), keyring)?;
        self.mirrors = true;
        self.start_mirror()
    }

    fn start_mirror(&mut self) -> anyhow::Result<()> {
        let daemon = self.daemon("rbd-mirror", "rbd-mirror", &["-n", "client.rbd-mirror"])?;
        self.mirror_daemon = Some(daemon);
        Ok(())
    }

    /// Ends the daemon that fetches what others mirror, and starts another one: one whose peer is gone for ever waits for it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart_mirror(&mut self) -> anyhow::Result<()> {
        if let Some(mut daemon) = self.mirror_daemon.take() {
            daemon.kill();
        }
        self.start_mirror()
    }

    /// SIGKILL for all daemons.
    pub fn burn(&mut self) {
        for mut daemon in self.mirror_daemon.take().into_iter().chain(self.daemons.drain(..).rev())
        {
            daemon.kill();
        }
    }

    /// The same, and what they had stored is gone. What says where it was stays, as that is on other machines.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn burn_down(&mut self) -> anyhow::Result<()> {
        self.burn();
        for store in STORES {
            std::fs::remove_dir_all(self.directory.join(store))?;
        }
        Ok(())
    }

    /// The file that describes it.
    #[must_use]
    pub fn conf(&self) -> PathBuf {
        self.directory.join("ceph.conf")
    }

    /// Runs one of Ceph's programs on it, and returns what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        run(&self.conf(), program, arguments).await
    }

    async fn start_others(&mut self) -> anyhow::Result<()> {
        self.start_daemon("mgr", "ceph-mgr", &["-i", "x"])?;
        self.start_daemon("osd", "ceph-osd", &["-i", "0"])?;
        let conf = self.conf();
        let is_up = async |arguments: &[&str], sign: &str| {
            let printed = run(&conf, "ceph", arguments).await.unwrap_or_default();
            printed.replace(' ', "").contains(sign)
        };
        until("the OSD is up", TO_START, || {
            is_up(&["osd", "stat", "--format", "json"], "\"num_up_osds\":1")
        })
        .await?;
        until("the manager is there", TO_START, || {
            is_up(&["mgr", "stat", "--format", "json"], "\"available\":true")
        })
        .await
    }

    fn start_daemon(
        &mut self,
        name: &str,
        program: &str,
        arguments: &[&str],
    ) -> anyhow::Result<()> {
        let daemon = self.daemon(name, program, arguments)?;
        self.daemons.push(daemon);
        Ok(())
    }

    fn daemon(&self, name: &str, program: &str, arguments: &[&str]) -> anyhow::Result<Process> {
        let mut command = Command::new(program);
        command.arg("-f").args(arguments).env("CEPH_CONF", self.conf()).env_remove("CEPH_ARGS");
        let log = self.directory.join(format!("{name}.out"));
        Process::start(name, &mut command, &log, true)
            .context("Ceph is not installed: `make ceph-packages`")
    }

    fn make_monitor(&self) -> anyhow::Result<()> {
        let port = ports::free()?;
        let [high, low] = port.to_be_bytes();
        // an address of its own, and with it all of Ceph's ports
        let address = Ipv4Addr::new(127, high, low, 1);
        let fsid = Uuid::new_v4();
        std::fs::write(self.conf(), self.configuration(address, fsid))?;
        for directory in STORES.iter().chain(&["log", "run"]) {
            std::fs::create_dir_all(self.directory.join(directory))?;
        }
        let (keyring, monitors) = (self.file("keyring"), self.file("mon.keyring"));
        let all = ["--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *"];
        let admin = ["--create-keyring", &keyring, "--gen-key", "-n", "client.admin"];
        self.run_now("ceph-authtool", &[&admin[..], &all[..]].concat())?;
        std::fs::copy(&keyring, &monitors)?;
        let own = [&monitors, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"];
        self.run_now("ceph-authtool", &own)?;
        let (map, fsid) = (self.file("monmap"), fsid.to_string());
        let addresses = format!("[v2:{address}:3300,v1:{address}:6789]");
        self.run_now(
            "monmaptool",
            &["--create", "--clobber", "--fsid", &fsid, "--addv", "a", &addresses, &map],
        )?;
        let make = ["--mkfs", "-i", "a", "--monmap", &map, "--keyring", &monitors];
        self.run_now("ceph-mon", &make)
    }

    async fn make_manager_and_osd(&self) -> anyhow::Result<()> {
        let rights = ["mon", "allow profile mgr", "osd", "allow *", "mds", "allow *"];
        let manager = [&["auth", "get-or-create", "mgr.x"], &rights[..]].concat();
        let mut keyring = std::fs::read_to_string(self.file("keyring"))?;
        keyring.push_str(&self.run("ceph", &manager).await?);
        let insecure = ["config", "set", "global", "auth_allow_insecure_global_id_reclaim"];
        self.run("ceph", &[&insecure[..], &["false"]].concat()).await?;
        let secret = self.run("ceph-authtool", &["--gen-print-key"]).await?;
        let secret = secret.trim();
        let described = self.file("osd.json");
        std::fs::write(&described, format!("{{\"cephx_secret\":\"{secret}\"}}"))?;
        let osd = Uuid::new_v4().to_string();
        self.run("ceph", &["osd", "new", &osd, "-i", &described]).await?;
        let _ = write!(keyring, "[osd.0]\n\tkey = {secret}\n");
        std::fs::write(self.file("keyring"), keyring)?;
        self.run("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", &osd]).await.map(drop)
    }

    fn configuration(&self, address: Ipv4Addr, fsid: Uuid) -> String {
        let at = self.directory.display();
        format!(
            "[global]\n\
             fsid = {fsid}\n\
             mon host = [v2:{address}:3300/0,v1:{address}:6789/0]\n\
             public addr = {address}\n\
             cluster addr = {address}\n\
             keyring = {at}/keyring\n\
             run dir = {at}/run\n\
             admin socket =\n\
             log file = {at}/log/$name.log\n\
             crash dir = {at}/log\n\
             mon data = {at}/mon\n\
             mgr data = {at}/mgr\n\
             osd data = {at}/osd\n\
             # one copy on one OSD\n\
             osd pool default size = 1\n\
             osd pool default min size = 1\n\
             osd crush chooseleaf type = 0\n\
             osd pool default pg num = 1\n\
             osd pool default pg autoscale mode = off\n\
             mon allow pool size one = true\n\
             mon allow pool delete = true\n\
             mon max pg per osd = 1000\n\
             mon data avail warn = 2\n\
             mon data avail crit = 1\n\
             # small\n\
             bluestore block size = {OSD_SIZE}\n\
             bluestore block create = true\n\
             bluestore block wal size = 0\n\
             bluestore block db size = 0\n\
             bluestore cache autotune = false\n\
             bluestore cache size = 128M\n\
             osd memory target = 896M\n\
             osd op num shards = 2\n\
             mgr initial modules = rbd_support\n\
             auth allow insecure global id reclaim = false\n\
             # every change of a map waits for this\n\
             paxos propose interval = 0.05\n\
             # a dead OSD or client is noticed sooner than in production\n\
             osd heartbeat grace = 6\n\
             [client]\n\
             log file =\n\
             rbd default features = 61\n\
             # pools and images are noticed sooner than in production\n\
             rbd mirror pool replayers refresh interval = 1\n\
             rbd mirror image state check interval = 5\n"
        )
    }

    fn file(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn run_now(&self, program: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        let output = command.args(arguments).env("CEPH_CONF", self.conf()).output();
        let output = output.context("Ceph is not installed: `make ceph-packages`")?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{program} {arguments:?}: {complaint}");
        Ok(())
    }
}

/// A new pool for images on a cluster; returns its name. It stays until the cluster ends.
///
/// # Errors
/// When the cluster does not make it.
pub async fn new_pool(conf: &Path) -> anyhow::Result<String> {
    let name = format!("test-{}", Uuid::new_v4().simple());
    make_pool(conf, &name).await?;
    Ok(name)
}

/// A pool for images with a name on a cluster.
///
/// # Errors
/// When the cluster does not make it.
pub async fn make_pool(conf: &Path, name: &str) -> anyhow::Result<()> {
    run(conf, "ceph", &["osd", "pool", "create", name]).await?;
    run(conf, "rbd", &["pool", "init", name]).await?;
    until("the manager has noticed the pool", TO_START, || async {
        let shown = run(conf, "ceph", &["df", "--format", "json"]).await;
        shown.is_ok_and(|pools| pools.contains(name))
    })
    .await
}

/// Runs one of Ceph's programs on the cluster that a file describes, and returns what it prints.
///
/// # Errors
/// When it fails.
pub async fn run(conf: &Path, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).env("CEPH_CONF", conf).env_remove("CEPH_ARGS").kill_on_drop(true);
    let output = command.output().await.with_context(|| format!("running {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {arguments:?}: {complaint}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
