//! The storage daemon of an array: starting it, finding it again, and its NBD exports.

use super::DriverError;
use super::array::Array;
use super::qmp::{Qmp, QmpError};
use common::config::{FileDriverConfig, NbdListen};
use common::model::VolumeId;
use rustix::fs::{FlockOperation, flock};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// How long the daemon may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What happens to clients that use an export when it is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clients {
    /// Nothing: the export stays, and closing it fails.
    Respect,
    /// They lose their connection.
    Disconnect,
}

/// An array's qemu-storage-daemon.
pub(super) struct StorageDaemon {
    array: Array,
    config: FileDriverConfig,
}

impl From<QmpError> for DriverError {
    fn from(error: QmpError) -> Self {
        Self::failed(error.to_string())
    }
}

impl StorageDaemon {
    pub fn new(array: &Array, config: &FileDriverConfig) -> Self {
        Self { array: array.clone(), config: config.clone() }
    }

    fn monitor(&self) -> PathBuf {
        self.array.run_file("qmp.sock")
    }

    async fn session(&self) -> Result<Qmp, QmpError> {
        Qmp::connect(&self.monitor()).await
    }

    /// Finds the daemon of an earlier worker, or starts one.
    pub async fn ensure_running(&self) -> Result<(), DriverError> {
        if self.answers().await? {
            return Ok(());
        }
        let lock = self.array.run_file("start.lock");
        let _lock = super::blocking(move || {
            lock_file(&lock).map_err(|error| super::array::unusable(&lock, &error))
        })
        .await?;
        // another worker may have been faster
        if self.answers().await? { Ok(()) } else { self.start().await }
    }

    async fn answers(&self) -> Result<bool, DriverError> {
        match self.session().await {
            Ok(_) => Ok(true),
            Err(QmpError::Silent(error)) if is_nobody_there(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn start(&self) -> Result<(), DriverError> {
        let mut command = Command::new(&self.config.storage_daemon);
        command.kill_on_drop(true).current_dir("/").args(self.arguments()?);
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

    fn arguments(&self) -> Result<Vec<String>, DriverError> {
        let file = |name: &str| self.array.run_file(name).display().to_string();
        let nbd = match self.config.nbd_listen {
            NbdListen::Unix => format!("addr.type=unix,addr.path={}", file("nbd.sock")),
            NbdListen::Tcp => {
                format!("addr.type=inet,addr.host=127.0.0.1,addr.port={}", self.choose_port()?)
            }
        };
        Ok([
            "--daemonize",
            "--pidfile",
            &file("daemon.pid"),
            "--chardev",
            &format!("socket,path={},server=on,wait=off,id=monitor", file("qmp.sock")),
            "--monitor",
            "chardev=monitor",
            "--nbd-server",
            &format!("{nbd},max-connections=0"),
        ]
        .map(str::to_owned)
        .to_vec())
    }

    /// The configured port, or a free one; noted for the workers that come later.
    fn choose_port(&self) -> Result<u16, DriverError> {
        let choose = || -> io::Result<u16> {
            let port = match self.config.nbd_port {
                0 => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port(),
                port => port,
            };
            std::fs::write(self.array.run_file("nbd.port"), port.to_string())?;
            Ok(port)
        };
        choose().map_err(|error| DriverError::failed(format!("no port for NBD: {error}")))
    }

    fn uri(&self, id: VolumeId) -> Result<String, DriverError> {
        match self.config.nbd_listen {
            NbdListen::Unix => {
                let socket = self.array.run_file("nbd.sock");
                Ok(format!("nbd+unix:///volume-{id}?socket={}", socket.display()))
            }
            NbdListen::Tcp => {
                let port = std::fs::read_to_string(self.array.run_file("nbd.port"))
                    .map_err(|error| DriverError::failed(format!("nbd.port: {error}")))?;
                Ok(format!("nbd://127.0.0.1:{}/volume-{id}", port.trim()))
            }
        }
    }

    /// Opens a writable export of a file, unless it is open; returns its URI.
    pub async fn export(&self, id: VolumeId, file: &Path) -> Result<String, DriverError> {
        let mut session = self.session().await?;
        if !is_exported(&mut session, id).await? {
            if !has_node(&mut session, id).await? {
                session.execute("blockdev-add", node(id, file)).await?;
            }
            session
                .execute(
                    "block-export-add",
                    json!({ "type": "nbd", "id": export_id(id), "node-name": node_name(id),
                            "name": format!("volume-{id}"), "writable": true }),
                )
                .await?;
        }
        self.uri(id)
    }

    /// Closes the export of a volume; returns whether there was one.
    pub async fn unexport(&self, id: VolumeId, clients: Clients) -> Result<bool, DriverError> {
        let mut session = self.session().await?;
        let was_open = is_exported(&mut session, id).await?;
        if was_open {
            let mode = match clients {
                Clients::Respect => "safe",
                Clients::Disconnect => "hard",
            };
            session
                .execute("block-export-del", json!({ "id": export_id(id), "mode": mode }))
                .await?;
            let deleted = Map::from_iter([("id".to_owned(), json!(export_id(id)))]);
            session.wait_for("BLOCK_EXPORT_DELETED", &deleted).await?;
        }
        if has_node(&mut session, id).await? {
            session.execute("blockdev-del", json!({ "node-name": node_name(id) })).await?;
        }
        Ok(was_open)
    }
}

async fn is_exported(session: &mut Qmp, id: VolumeId) -> Result<bool, QmpError> {
    let exports = session.execute("query-block-exports", json!({})).await?;
    Ok(contains(&exports, "id", &export_id(id)))
}

async fn has_node(session: &mut Qmp, id: VolumeId) -> Result<bool, QmpError> {
    let nodes = session.execute("query-named-block-nodes", json!({ "flat": true })).await?;
    Ok(contains(&nodes, "node-name", &node_name(id)))
}

fn contains(items: &Value, key: &str, value: &str) -> bool {
    items.as_array().is_some_and(|items| items.iter().any(|item| item[key] == value))
}

fn node(id: VolumeId, file: &Path) -> Value {
    json!({
        "driver": "raw", "node-name": node_name(id), "discard": "unmap",
        "file": { "driver": "file", "filename": file, "discard": "unmap" },
    })
}

fn export_id(id: VolumeId) -> String {
    format!("volume-{id}")
}

/// QEMU allows 31 characters: the first 30 digits of the id, after a letter.
fn node_name(id: VolumeId) -> String {
    format!("v{}", &id.0.simple().to_string()[..30])
}

fn lock_file(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

fn is_nobody_there(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
