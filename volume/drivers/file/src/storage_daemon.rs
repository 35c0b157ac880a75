//! The storage daemon of an array: starting it, finding it again, and its NBD exports.

use crate::block_nodes::{contains, file_node, has_node};
use crate::blocking::blocking;
use crate::directory::Directory;
use crate::export_names::secret_name;
use crate::file_lock::lock_file;
use crate::io_error::{is_nobody_there, unusable};
use crate::names::{
    copies_of, export_name, mirror_job, mirror_node, node_name, replica_name, replica_node,
};
use crate::object::Object;
use crate::processes::{self, Hanging, Killed};
use crate::qmp::{Qmp, QmpError};
use configuration::FileDriverConfig;
use driver::DriverError;
use model::{AttachMode, VolumeId};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// How often, and after which pauses, a daemon is asked again that hangs up: it may be dying.
const DYING_TRIES: u32 = 20;
const DYING_PAUSE: Duration = Duration::from_millis(50);
/// How often a mirror that is being ended is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a mirror that is in order may take to complete.
const COMPLETION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the daemon may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// An array's qemu-storage-daemon.
pub(crate) struct StorageDaemon {
    directory: Directory,
    config: FileDriverConfig,
}

/// An export that is about to be opened.
pub(crate) struct Opening {
    session: Qmp,
    id: VolumeId,
    mode: AttachMode,
    node: String,
    /// What clients call it.
    name: String,
}

impl Opening {
    /// Whether writes through it will go to the volume's mirror.
    pub fn is_mirrored(&self) -> bool {
        self.node == mirror_node(self.id)
    }

    /// Opens it.
    pub async fn finish(mut self) -> Result<(), DriverError> {
        let writable = match self.mode {
            AttachMode::ReadWrite => true,
            AttachMode::ReadOnly => false,
        };
        let id = export_name(self.id, self.mode);
        let arguments = json!({ "type": "nbd", "id": id, "node-name": self.node, "name": self.name,
                                "writable": writable });
        self.session.execute("block-export-add", arguments).await?;
        Ok(())
    }
}

impl StorageDaemon {
    pub fn new(directory: &Directory, config: &FileDriverConfig) -> Self {
        Self { directory: directory.clone(), config: config.clone() }
    }

    fn monitor(&self) -> PathBuf {
        self.directory.run_file("qmp.sock")
    }

    /// A session with the daemon's monitor.
    pub async fn session(&self) -> Result<Qmp, QmpError> {
        Qmp::connect(&self.monitor()).await
    }

    /// Finds the daemon of an earlier worker, or starts one; `true` when it was started.
    pub async fn ensure_running(&self) -> Result<bool, DriverError> {
        if self.answers().await? {
            return Ok(false);
        }
        let lock = self.directory.run_file("start.lock");
        let _lock =
            blocking(move || lock_file(&lock).map_err(|error| unusable(&lock, &error))).await?;
        // another worker may have been faster
        if self.answers().await? {
            return Ok(false);
        }
        self.start().await.map(|()| true)
    }

    async fn answers(&self) -> Result<bool, DriverError> {
        for _ in 0..DYING_TRIES {
            match self.session().await {
                Ok(_) => return Ok(true),
                Err(QmpError::Unreachable(error)) if is_nobody_there(&error) => return Ok(false),
                // it is about to go
                Err(QmpError::Unreachable(_)) => tokio::time::sleep(DYING_PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(DriverError::failed("the storage daemon closes every connection"))
    }

    async fn start(&self) -> Result<(), DriverError> {
        let mut command = Command::new(&self.config.storage_daemon);
        command.kill_on_drop(true).current_dir("/").args(self.arguments());
        let started = tokio::time::timeout(START_TIMEOUT, command.output()).await;
        let described = || format!("{}", self.config.storage_daemon.display());
        let output = match started {
            Err(_) => return Err(DriverError::failed(format!("{} does not start", described()))),
            Ok(Err(error)) => {
                return Err(DriverError::failed(format!("{}: {error}", described())));
            }
            Ok(Ok(output)) => output,
        };
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr);
            return Err(DriverError::failed(format!("{}: {}", described(), complaint.trim())));
        }
        self.session().await?;
        tracing::info!(monitor = %self.monitor().display(), "storage daemon started");
        Ok(())
    }

    fn arguments(&self) -> Vec<String> {
        let file = |name: &str| self.directory.run_file(name).display().to_string();
        [
            "--daemonize",
            "--pidfile",
            &file("daemon.pid"),
            "--chardev",
            &format!("socket,path={},server=on,wait=off,id=monitor", file("qmp.sock")),
            "--monitor",
            "chardev=monitor",
            "--nbd-server",
            &format!("addr.type=unix,addr.path={},max-connections=0", self.nbd_socket().display()),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// How fast replicas are overwritten, and copied; 0 for as fast as can be.
    pub fn resync_bytes_per_second(&self) -> u64 {
        self.config.resync_rate_mib << 20
    }

    /// Where it takes NBD.
    pub fn nbd_socket(&self) -> PathBuf {
        self.directory.run_file("nbd.sock")
    }

    /// How clients on this machine reach an export.
    pub fn uri(&self, id: VolumeId, mode: AttachMode) -> Result<String, DriverError> {
        let name = secret_name(&self.directory, &export_name(id, mode))?;
        Ok(self.uri_of(&name))
    }

    /// The same, for an export of this name.
    pub fn uri_of(&self, name: &str) -> String {
        format!("nbd+unix:///{name}?socket={}", self.nbd_socket().display())
    }

    /// Whether there is one, and it answers in time. One that closes a connection may be there all the same.
    pub async fn answers_within(&self, timeout: Duration) -> bool {
        let answers = async {
            loop {
                match self.session().await {
                    Ok(_) => return true,
                    Err(QmpError::Unreachable(error)) if is_nobody_there(&error) => return false,
                    Err(_) => tokio::time::sleep(DYING_PAUSE).await,
                }
            }
        };
        tokio::time::timeout(timeout, answers).await.unwrap_or(false)
    }

    /// Ends the daemon, and returns when it is gone; its clients lose their connections. That there is none
    /// is fine.
    pub async fn end(&self) -> Result<(), DriverError> {
        processes::end(&self.monitor(), &self.config.storage_daemon, Hanging::Lives).await.map(drop)
    }

    /// Ends the daemon of a side that is left: it acknowledges nothing any more when this returns, even if the storage keeps what is
    /// left of it.
    pub async fn fence(&self) -> Result<Killed, DriverError> {
        processes::end(&self.monitor(), &self.config.storage_daemon, Hanging::Dead).await
    }

    /// Makes sure that a volume's file is open in the daemon; returns the node through which it is used.
    pub async fn open_node(&self, session: &mut Qmp, id: VolumeId) -> Result<String, DriverError> {
        if has_node(session, &mirror_node(id)).await? {
            return Ok(mirror_node(id));
        }
        if !has_node(session, &node_name(id)).await? {
            let file = self.directory.file(Object::Volume(id));
            session.execute("blockdev-add", file_node(&node_name(id), &file)).await?;
        }
        Ok(node_name(id))
    }

    /// Opens the export that a mirror on another side writes to, unless it is open. Every write is on the
    /// disk before it is acknowledged: a flush on the other side does not come here.
    pub async fn open_replica(&self, id: VolumeId) -> Result<(), DriverError> {
        let mut session = self.session().await?;
        let export = replica_name(id);
        let exports = session.execute("query-block-exports", json!({})).await?;
        if !contains(&exports, "id", &export) {
            let node = self.open_node(&mut session, id).await?;
            let name = secret_name(&self.directory, &export)?;
            session
                .execute(
                    "block-export-add",
                    json!({ "type": "nbd", "id": export, "node-name": node, "name": name,
                            "writable": true, "writethrough": true }),
                )
                .await?;
        }
        Ok(())
    }

    /// Closes the export that a mirror writes to; that there is none is fine.
    pub async fn close_replica(&self, id: VolumeId) -> Result<(), DriverError> {
        let mut session = self.session().await?;
        let name = replica_name(id);
        let exports = session.execute("query-block-exports", json!({})).await?;
        if contains(&exports, "id", &name) {
            close_export(&mut session, &name, "hard").await?;
        }
        if open_modes(&mut session, id).await?.is_empty() {
            self.close_node(&mut session, id).await?;
        }
        Ok(())
    }

    /// Fails when a volume's file is open.
    pub async fn require_closed(&self, id: VolumeId) -> Result<(), DriverError> {
        if has_node(&mut self.session().await?, &node_name(id)).await? {
            return Err(DriverError::failed("the replica is in use"));
        }
        Ok(())
    }

    /// Whether servers, or a mirror, may write to a volume.
    pub async fn is_written_to(&self, id: VolumeId) -> Result<bool, DriverError> {
        let mut session = self.session().await?;
        let exports = session.execute("query-block-exports", json!({})).await?;
        Ok(contains(&exports, "id", &replica_name(id))
            || !open_modes(&mut session, id).await?.is_empty())
    }

    /// Begins to open an export of a volume; `None` when it is open.
    pub async fn begin_export(
        &self,
        id: VolumeId,
        mode: AttachMode,
    ) -> Result<Option<Opening>, DriverError> {
        let mut session = self.session().await?;
        if open_modes(&mut session, id).await?.contains(&mode) {
            return Ok(None);
        }
        self.directory.require_whole(Object::Volume(id))?;
        let node = self.open_node(&mut session, id).await?;
        let name = secret_name(&self.directory, &export_name(id, mode))?;
        Ok(Some(Opening { session, id, mode, node, name }))
    }

    /// Closes an export of a volume; its clients lose their connection.
    pub async fn unexport(&self, id: VolumeId, mode: AttachMode) -> Result<(), DriverError> {
        let mut session = self.session().await?;
        let open = open_modes(&mut session, id).await?;
        if open.contains(&mode) {
            close_export(&mut session, &export_name(id, mode), "hard").await?;
        }
        if open.iter().all(|other| *other == mode) {
            self.close_node(&mut session, id).await?;
        }
        Ok(())
    }

    /// Closes every export of these volumes to servers, and leaves their files open.
    pub async fn close_exports(&self, volumes: &[VolumeId]) -> Result<(), DriverError> {
        let modes = AttachMode::ALL.iter();
        let names: Vec<_> =
            modes.flat_map(|mode| volumes.iter().map(|id| export_name(*id, *mode))).collect();
        self.close_all(&names).await
    }

    /// Closes the exports that the mirrors of these volumes write to, and leaves their files open.
    pub async fn close_replicas(&self, volumes: &[VolumeId]) -> Result<(), DriverError> {
        let names: Vec<_> = volumes.iter().map(|id| replica_name(*id)).collect();
        self.close_all(&names).await
    }

    async fn close_all(&self, names: &[String]) -> Result<(), DriverError> {
        let mut session = self.session().await?;
        let exports = session.execute("query-block-exports", json!({})).await?;
        let exports = exports.as_array().into_iter().flatten();
        let open: HashSet<_> = exports.filter_map(|export| export["id"].as_str()).collect();
        for name in names {
            if open.contains(name.as_str()) {
                close_export(&mut session, name, "hard").await?;
            }
        }
        Ok(())
    }

    /// Closes everything that is open of a volume; its clients lose their connections.
    pub async fn close(&self, id: VolumeId) -> Result<(), DriverError> {
        self.close_exports(&[id]).await?;
        self.close_node(&mut self.session().await?, id).await
    }

    /// Closes everything that is open of a volume and returns what was; fails, and closes nothing that
    /// is in use, when a client is connected.
    pub async fn close_unused(&self, id: VolumeId) -> Result<Vec<AttachMode>, DriverError> {
        let mut session = self.session().await?;
        let open = open_modes(&mut session, id).await?;
        for mode in &open {
            close_export(&mut session, &export_name(id, *mode), "safe").await?;
        }
        self.close_node(&mut session, id).await?;
        Ok(open)
    }

    /// Ends the mirror of a volume, wherever it leads; that there is none is fine.
    ///
    /// A mirror that is cancelled by force frees what the writes in progress still use (QEMU 10.0, `mirror_run`), and the daemon may
    /// die of it with everything that it exports. One that is in order completes instead, which waits for them.
    pub async fn end_mirror(&self, id: VolumeId) -> Result<(), DriverError> {
        let mut session = self.session().await?;
        let started = Instant::now();
        while has_node(&mut session, &mirror_node(id)).await? {
            let is_patient = started.elapsed() < COMPLETION_TIMEOUT;
            let force = !(is_patient && is_in_order(&mut session, &mirror_job(id)).await?);
            let cancel = json!({ "device": mirror_job(id), "force": force });
            // it may end by itself meanwhile
            let _ = session.execute("block-job-cancel", cancel).await;
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let replica = replica_node(id);
        if has_node(&mut session, &replica).await? {
            session.execute("blockdev-del", json!({ "node-name": replica })).await?;
        }
        if open_modes(&mut session, id).await?.is_empty() {
            self.close_node(&mut session, id).await?;
        }
        Ok(())
    }

    /// Closes a volume's file, unless something uses it.
    pub async fn close_node(&self, session: &mut Qmp, id: VolumeId) -> Result<(), DriverError> {
        let exports = session.execute("query-block-exports", json!({})).await?;
        let is_used = has_node(session, &mirror_node(id)).await?
            || contains(&exports, "id", &replica_name(id))
            || AttachMode::ALL.iter().any(|mode| contains(&exports, "id", &export_name(id, *mode)))
            || is_being_copied(session, id).await?;
        if !is_used && has_node(session, &node_name(id)).await? {
            session.execute("blockdev-del", json!({ "node-name": node_name(id) })).await?;
        }
        Ok(())
    }
}

/// The modes in which a volume is exported.
async fn open_modes(session: &mut Qmp, id: VolumeId) -> Result<Vec<AttachMode>, QmpError> {
    let exports = session.execute("query-block-exports", json!({})).await?;
    let is_open = |mode: &AttachMode| contains(&exports, "id", &export_name(id, *mode));
    Ok(AttachMode::ALL.iter().copied().filter(is_open).collect())
}

/// Whether a mirror has every write on its target, as far as it knows.
async fn is_in_order(session: &mut Qmp, job: &str) -> Result<bool, QmpError> {
    let jobs = session.execute("query-block-jobs", json!({})).await?;
    let found = jobs.as_array().into_iter().flatten().find(|one| one["device"] == job);
    Ok(found.is_some_and(|job| {
        job["ready"] == true && job["io-status"] == "ok" && job["paused"] == false
    }))
}

/// Closes an export; with the mode `hard` its clients lose their connections.
pub(crate) async fn close_export(
    session: &mut Qmp,
    name: &str,
    mode: &str,
) -> Result<(), QmpError> {
    session.execute("block-export-del", json!({ "id": name, "mode": mode })).await?;
    let deleted = Map::from_iter([("id".to_owned(), json!(name))]);
    session.wait_for("BLOCK_EXPORT_DELETED", &deleted).await
}

async fn is_being_copied(session: &mut Qmp, id: VolumeId) -> Result<bool, QmpError> {
    let jobs = session.execute("query-jobs", json!({})).await?;
    let prefix = copies_of(id);
    let is_ours = |job: &Value| job["id"].as_str().is_some_and(|job| job.starts_with(&prefix));
    Ok(jobs.as_array().is_some_and(|jobs| jobs.iter().any(is_ours)))
}
