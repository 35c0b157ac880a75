//! The relay of an array: starting it, finding it after a restart, and querying its mirror connections.

use crate::blocking::blocking;
use crate::directory::Directory;
use crate::file_lock::lock_file;
use crate::io_error::{is_nobody_there, unusable};
use crate::names::replica_name;
use crate::processes::{self, Hanging};
use cinderblock_relay::control::{Admission, Comparison, Link, Listing, Reply, Request, Verify};
use configuration::FileDriverConfig;
use driver::DriverError;
use model::{VerificationRequest, VolumeId};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Command;
use uuid::Uuid;

/// How long it may take for an answer.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to carry out an order: it reads what it has kept of a replica, and ends what it does there.
const ORDER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How many links are sealed by one order: it has a line.
const SEALED_AT_ONCE: usize = 500;

/// An array's `cinderblock-relay`.
pub(crate) struct Relay {
    directory: Directory,
    config: FileDriverConfig,
}

/// The links that have missed nothing, at one moment.
#[derive(Debug, Default)]
pub(crate) struct MirrorConnections(HashMap<String, Link>);

impl MirrorConnections {
    /// The link of a volume's mirror.
    pub fn of(&self, volume: VolumeId) -> Option<&Link> {
        self.0.get(&replica_name(volume))
    }

    /// Whether a volume's mirror is connected, and has missed nothing.
    pub fn is_linked(&self, volume: VolumeId) -> bool {
        self.of(volume).is_some_and(|link| link.is_open)
    }
}

impl Relay {
    pub fn new(directory: &Directory, config: &FileDriverConfig) -> Self {
        Self { directory: directory.clone(), config: config.clone() }
    }

    /// Where mirrors connect.
    pub fn socket(&self) -> PathBuf {
        self.directory.run_file("relay.sock")
    }

    fn control(&self) -> PathBuf {
        self.directory.run_file("relay-control.sock")
    }

    /// The links that have missed nothing; `None` when no relay answers.
    pub async fn connections(&self) -> Option<MirrorConnections> {
        let links = self.listing().await?.links.into_iter();
        Some(MirrorConnections(links.map(|link| (link.export.clone(), link)).collect()))
    }

    async fn listing(&self) -> Option<Listing> {
        match self.ask(&Request::List, CONTROL_TIMEOUT).await.ok()? {
            Reply::Listing(listing) => Some(listing),
            Reply::Done | Reply::Refused(_) => None,
        }
    }

    /// Accepts the next connection of a mirror.
    pub async fn admit(&self, admission: Admission) -> Result<(), DriverError> {
        self.order(Request::Admit(admission)).await
    }

    /// Begins to make a replica equal to the volume in this file, as fast as is configured.
    pub async fn compare(&self, id: VolumeId, source: PathBuf) -> Result<(), DriverError> {
        let bytes_per_second = NonZeroU64::new(self.config.resync_rate_mib << 20);
        let export = replica_name(id);
        self.order(Request::Compare(Comparison { export, source, bytes_per_second })).await
    }

    /// Nothing comes over the links of these volumes any more: those that have missed nothing stay so. Where there is no relay, there
    /// are none.
    pub async fn seal(&self, volumes: &[VolumeId]) -> Result<(), DriverError> {
        if self.connections().await.is_none() {
            return Ok(());
        }
        for some in volumes.chunks(SEALED_AT_ONCE) {
            let exports = some.iter().map(|id| replica_name(*id)).collect();
            self.order(Request::Seal { exports }).await?;
        }
        Ok(())
    }

    /// Begins to verify a replica that is in sync, unless that was done.
    pub async fn verify(
        &self,
        id: VolumeId,
        source: PathBuf,
        asked: VerificationRequest,
    ) -> Result<(), DriverError> {
        let bytes_per_second = NonZeroU64::new(self.config.resync_rate_mib << 20);
        let VerificationRequest { id: verification, repair } = asked;
        let export = replica_name(id);
        let verify = Verify { export, id: verification, source, repair, bytes_per_second };
        self.order(Request::Verify(verify)).await
    }

    /// Keeps nothing any more of what a replica was.
    pub async fn settle(&self, id: VolumeId, link: Uuid) -> Result<(), DriverError> {
        self.order(Request::Settle { export: replica_name(id), link }).await
    }

    /// Sees to it that nobody writes to a replica any more: the relay lets go of it, or is ended.
    pub async fn let_go(&self, id: VolumeId) -> Result<(), DriverError> {
        let forget = Request::Forget { export: replica_name(id) };
        match self.ask(&forget, ORDER_TIMEOUT).await {
            Ok(Reply::Done) => Ok(()),
            Err(nobody) if is_nobody_there(&nobody) => Ok(()),
            answer @ (Ok(Reply::Refused(_) | Reply::Listing(_)) | Err(_)) => {
                tracing::info!(volume.id = %id, ?answer, "the relay does not let go, and is ended");
                self.end().await
            }
        }
    }

    async fn order(&self, order: Request) -> Result<(), DriverError> {
        match self.ask(&order, ORDER_TIMEOUT).await {
            Ok(Reply::Done) => Ok(()),
            Ok(Reply::Refused(why)) => Err(DriverError::failed(format!("the relay: {why}"))),
            Ok(Reply::Listing(_)) => Err(DriverError::failed("the relay answers something else")),
            Err(error) => Err(unusable(&self.control(), &error)),
        }
    }

    async fn ask(&self, request: &Request, timeout: Duration) -> io::Result<Reply> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        let answered = async {
            let mut relay = UnixStream::connect(self.control()).await?;
            relay.write_all(&line).await?;
            let mut answer = Vec::new();
            relay.read_to_end(&mut answer).await?;
            io::Result::Ok(answer)
        };
        let answer = tokio::time::timeout(timeout, answered).await??;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// The links that have missed nothing, of mirrors whose daemon is dead; none when no relay knows.
    pub async fn final_connections(&self) -> MirrorConnections {
        let started = Instant::now();
        // what it was carrying when the daemon died may take so long
        let timeout = self.config.replica_timeout() + CONTROL_TIMEOUT;
        loop {
            let mut connections = self.connections().await.unwrap_or_default();
            if connections.0.values().all(|connection| !connection.is_open)
                || started.elapsed() > timeout
            {
                connections.0.retain(|_, connection| !connection.is_open);
                return connections;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Finds the relay of an earlier worker, or starts one for what listens at `target`.
    pub async fn ensure_running(&self, target: &Path) -> Result<(), DriverError> {
        if self.answers(target).await {
            return Ok(());
        }
        let lock = self.directory.run_file("relay.lock");
        let _lock =
            blocking(move || lock_file(&lock).map_err(|error| unusable(&lock, &error))).await?;
        // another worker may have been faster
        if self.answers(target).await {
            return Ok(());
        }
        // one that hangs, or leads elsewhere, is of no use
        self.end().await?;
        self.start(target).map_err(|error| {
            DriverError::failed(format!("{}: {error}", self.program().display()))
        })?;
        let started = Instant::now();
        while !self.answers(target).await {
            if started.elapsed() > START_TIMEOUT {
                return Err(DriverError::failed(format!(
                    "{} does not start",
                    self.program().display()
                )));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Whether there is one that does what is configured.
    async fn answers(&self, target: &Path) -> bool {
        let timeout = self.config.replica_timeout_seconds;
        self.listing().await.is_some_and(|found| found.target == target && found.timeout == timeout)
    }

    fn start(&self, target: &Path) -> io::Result<()> {
        let log =
            File::options().create(true).append(true).open(self.directory.run_file("relay.log"))?;
        Command::new(self.program())
            .arg("--listen")
            .arg(self.socket())
            .arg("--control")
            .arg(self.control())
            .arg("--target")
            .arg(target)
            .args(["--timeout", &self.config.replica_timeout_seconds.to_string()])
            .arg("--pid-file")
            .arg(self.directory.run_file("relay.pid"))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            // what ends the worker does not end it
            .process_group(0)
            .spawn()
            .map(drop)
    }

    /// The program: beside the worker, unless a directory is configured or it is not there.
    fn program(&self) -> PathBuf {
        let configured = &self.config.relay;
        let is_plain = configured.parent() == Some(Path::new(""));
        let own = std::env::current_exe().ok().filter(|_| is_plain);
        let beside = own.and_then(|own| Some(own.parent()?.join(configured)));
        beside.filter(|program| program.exists()).unwrap_or_else(|| configured.clone())
    }

    /// Ends it; what it knew is not known any more. That there is none is fine.
    pub async fn end(&self) -> Result<(), DriverError> {
        processes::end(&self.control(), &self.program(), Hanging::Lives).await.map(drop)
    }

    /// The same, where it may hang in storage that it only reads.
    pub async fn end_hanging(&self) -> Result<(), DriverError> {
        processes::end(&self.control(), &self.program(), Hanging::Dead).await.map(drop)
    }
}
