//! Pools of the clusters of this run, each for one case.

use cinderblock_driver_rbd::RbdDriver;
use configuration::{BackendConfig, DriverName, ReplicationDevice};
use driver::Driver;
use driver::conformance::storage::{Storage, TARGETS};
use model::{BackendId, Volume};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long a client may take to write, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The image that the image service keeps.
pub(crate) const IMAGE: Uuid = Uuid::from_u128(0x8c14_c5d1_0a5c_4e3c_93a5_9a1e_4d6b_1d11);

/// The pool of a backend; it is removed at the end.
pub(crate) struct TestPool {
    /// The cluster's, with its administrator's keyring.
    admin: PathBuf,
    config: BackendConfig,
    /// Where its user's keyring is.
    directory: tempfile::TempDir,
    target: Option<Box<Self>>,
}

impl TestPool {
    pub fn new() -> Self {
        let mut config = BackendConfig { driver: DriverName::Rbd, ..BackendConfig::default() };
        config.rbd.rbd_pool = format!("test-{}", Uuid::new_v4().simple());
        config.rbd.rbd_user = config.rbd.rbd_pool.clone();
        let mut pool = Self::on(clusters().join("a/ceph.conf"), config);
        pool.config.rbd.rbd_ceph_conf = pool.conf_of_user();
        pool
    }

    /// A pool beside one in which the image service keeps a disk of 1 GiB, as the snapshot `snap` of the image `IMAGE`; and what that is called.
    pub fn beside_images() -> (Self, String) {
        let mut pool = Self::new();
        let images = format!("{}-images", pool.name());
        pool.ceph(&["osd", "pool", "create", &images]);
        pool.rbd(&["pool", "init", &images]);
        let disk = format!("{images}/{IMAGE}");
        pool.rbd(&["create", "--size", "1G", &disk]);
        pool.rbd(&["bench", "--io-type", "write", "--io-total", "1M", &disk]);
        pool.rbd(&["snap", "create", "--no-progress", &format!("{disk}@snap")]);
        pool.config.rbd.rbd_image_pools = vec![images.clone()];
        // with more rights
        pool.config.rbd.rbd_user = format!("{}-reads-images", pool.name());
        pool.config.rbd.rbd_ceph_conf = pool.conf_of_user();
        let fsid = pool.ceph(&["fsid"]);
        (pool, format!("rbd://{}/{images}/{IMAGE}/snap", fsid.trim()))
    }

    fn on(admin: PathBuf, config: BackendConfig) -> Self {
        let pool = Self { admin, config, directory: tempfile::tempdir().unwrap(), target: None };
        pool.ceph(&["osd", "pool", "create", pool.name()]);
        pool.rbd(&["pool", "init", pool.name()]);
        // the manager notices it a moment later
        while !pool.ceph(&["df"]).contains(pool.name()) {}
        pool
    }

    /// Makes the user, with least rights, and a configuration file that names its keyring.
    fn conf_of_user(&self) -> PathBuf {
        let user = format!("client.{}", self.config.rbd.rbd_user);
        let rights = self.config.rbd.rights();
        let rights = rights.iter().flat_map(|(subsystem, rights)| [*subsystem, rights]);
        let make = ["auth", "get-or-create", &user].into_iter().chain(rights);
        let keyring = self.directory.path().join("keyring");
        std::fs::write(&keyring, self.ceph(&make.collect::<Vec<_>>())).unwrap();
        let conf = std::fs::read_to_string(&self.admin).unwrap();
        let of_user = format!("{conf}[{user}]\nkeyring = {}\n", keyring.display());
        let path = self.directory.path().join("ceph.conf");
        std::fs::write(&path, of_user).unwrap();
        path
    }

    /// The pools of a backend whose volumes are mirrored to the first of its targets.
    pub fn mirrored() -> Self {
        let mut pool = Self::new();
        let there = Self::on(clusters().join("b/ceph.conf"), pool.config.clone());
        let conf = there.conf_of_user();
        let target = |name: &&str| ReplicationDevice {
            backend_id: (*name).to_owned(),
            conf: Some(conf.clone()),
            ..ReplicationDevice::default()
        };
        pool.config.replication_device = TARGETS.iter().map(target).collect();
        pool.config.rbd.mirror_interval_seconds = 1;
        let name = pool.name().to_owned();
        for (side, site) in [(&pool, "site-a"), (&there, "site-b")] {
            side.rbd(&["mirror", "pool", "enable", "--site-name", site, &name, "image"]);
        }
        let peer = ["mirror", "pool", "peer", "bootstrap"];
        let create = [&peer[..], &["create", "--site-name", "site-a", &name]].concat();
        let token = pool.directory.path().join("token");
        std::fs::write(&token, pool.rbd(&create)).unwrap();
        let shown = token.display().to_string();
        let import = ["import", "--site-name", "site-b", "--direction", "rx-tx", &name, &shown];
        there.rbd(&[&peer[..], &import].concat());
        pool.target = Some(Box::new(there));
        pool
    }

    /// The pool on the target.
    pub fn target(&self) -> &Self {
        self.target.as_ref().expect("the pool is mirrored")
    }

    pub fn name(&self) -> &str {
        &self.config.rbd.rbd_pool
    }

    /// A driver of this pool with other settings.
    pub fn worker_with(&self, change: impl FnOnce(&mut BackendConfig)) -> Arc<dyn Driver> {
        let mut config = self.config.clone();
        change(&mut config);
        Arc::new(RbdDriver::new("b", &config, BackendId(Uuid::nil())))
    }

    /// What `rbd` prints, which must succeed.
    pub fn rbd(&self, arguments: &[&str]) -> String {
        self.run("rbd", arguments)
    }

    /// What `ceph` prints, which must succeed.
    pub fn ceph(&self, arguments: &[&str]) -> String {
        self.run("ceph", arguments)
    }

    /// What `rados` prints, which must succeed.
    pub fn rados(&self, arguments: &[&str]) -> String {
        self.run("rados", arguments)
    }

    /// A volume's image.
    pub fn spec(&self, volume: &Volume) -> String {
        format!("{}/volume-{}", self.name(), volume.id)
    }

    /// What a command lists in the pool.
    pub fn names(&self, command: &[&str]) -> String {
        self.rbd(&[command, &[self.name()]].concat())
    }

    /// What the cluster knows of a volume, as JSON.
    pub fn info(&self, volume: &Volume) -> String {
        self.rbd(&["info", "--format", "json", &self.spec(volume)])
    }

    /// Writes something to a volume.
    pub fn write(&self, volume: &Volume) {
        let bench = ["bench", "--io-type", "write", "--io-size", "4K", "--io-total", "1M"];
        self.rbd(&[&bench[..], &["--io-pattern", "rand", &self.spec(volume)]].concat());
    }

    /// A checksum of a volume's content.
    pub fn digest(&self, volume: &Volume) -> String {
        self.digest_of(&self.spec(volume))
    }

    /// A checksum of what an image or a snapshot has.
    pub fn digest_of(&self, spec: &str) -> String {
        let mut export = self.command("rbd");
        export.args(["export", "--no-progress", spec, "-"]).stdout(Stdio::piped());
        let mut export = export.spawn().unwrap();
        let content = export.stdout.take().unwrap();
        let digest = Command::new("sha256sum").stdin(content).output().unwrap();
        assert!(export.wait().unwrap().success());
        String::from_utf8(digest.stdout).unwrap()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A command to the cluster.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("CEPH_CONF", self.conf()).env_remove("CEPH_ARGS");
        command
    }

    /// The keyring of the driver's user.
    pub fn keyring(&self) -> PathBuf {
        self.directory.path().join("keyring")
    }

    fn conf(&self) -> &Path {
        &self.admin
    }
}

/// A client that writes to a volume's image all the time.
pub(crate) struct WritingClient {
    process: Child,
    log: std::path::PathBuf,
}

impl WritingClient {
    /// Starts it; returns when it writes.
    pub async fn start(pool: &TestPool, volume: &Volume) -> Self {
        let log = std::env::temp_dir().join(format!("client-{}", Uuid::new_v4().simple()));
        let output = std::fs::File::create(&log).unwrap();
        let mut command = pool.command("rbd");
        command.args(["bench", "--io-type", "write", "--io-threads", "1", "--io-total", "100G"]);
        command.arg(pool.spec(volume)).stdout(output.try_clone().unwrap()).stderr(output);
        let client = Self { process: command.spawn().unwrap(), log };
        let writes = async {
            // it tells how much it has written every second
            while !client.said().lines().any(|line| line.trim().starts_with('1')) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, writes).await.expect("the client writes");
        client
    }

    /// It writes.
    pub fn require_writing(&mut self) {
        assert_eq!(self.process.try_wait().unwrap(), None, "{}", self.said());
    }

    /// It ends, because a write has failed.
    pub async fn require_cut_off(mut self) {
        let ended = async {
            loop {
                if let Some(status) = self.process.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let status = tokio::time::timeout(PATIENCE, ended).await.expect("the client ends");
        assert!(!status.success());
        assert!(self.said().contains("write error"), "{}", self.said());
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for WritingClient {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

impl Storage for TestPool {
    fn worker(&self) -> Arc<dyn Driver> {
        self.worker_with(|_| {})
    }
}

impl Drop for TestPool {
    fn drop(&mut self) {
        let name = self.name();
        self.ceph(&["osd", "pool", "rm", name, name, "--yes-i-really-really-mean-it"]);
    }
}

/// The clusters of this run, which `sandbox run --ceph` has started.
#[expect(clippy::disallowed_methods, reason = "this is no configuration of cinderblock")]
fn clusters() -> PathBuf {
    let directory = std::env::var("CINDERBLOCK_TEST_CEPH");
    PathBuf::from(directory.expect("no Ceph clusters: use `make test-ceph`"))
}
