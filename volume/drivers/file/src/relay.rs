//! The relay of an array: starting it, finding it after a restart, and querying its mirror connections.

use crate::blocking::blocking;
use crate::directory::Directory;
use crate::file_lock::lock_file;
use crate::io_error::unusable;
use crate::names::replica_name;
use crate::processes;
use configuration::FileDriverConfig;
use driver::DriverError;
use model::VolumeId;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::Command;

/// How long it may take for an answer.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// An array's `cinderblock-relay`.
pub(crate) struct Relay {
    directory: Directory,
    config: FileDriverConfig,
}

/// The links that have missed nothing, at one moment.
#[derive(Debug, Default)]
pub(crate) struct MirrorConnections(HashMap<String, MirrorConnection>);

#[derive(Debug)]
struct MirrorConnection {
    id: String,
    is_open: bool,
}

impl MirrorConnections {
    /// What the link of a volume's mirror is known by.
    pub fn of(&self, volume: VolumeId) -> Option<&str> {
        self.0.get(&replica_name(volume)).map(|connection| connection.id.as_str())
    }

    /// A line for each: the export, the id, and `open` or `closed`.
    fn parse(listing: &str) -> Option<Self> {
        let parse = |line: &str| {
            let mut words = line.split(' ');
            let (export, id, state) = (words.next()?, words.next()?, words.next()?);
            let is_open = match state {
                "open" => true,
                "closed" => false,
                _ => return None,
            };
            Some((export.to_owned(), MirrorConnection { id: id.to_owned(), is_open }))
        };
        listing.lines().map(parse).collect::<Option<_>>().map(Self)
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
        self.ask().await.map(|(_, connections)| connections)
    }

    /// What the relay carries to whom, and the links that have missed nothing.
    async fn ask(&self) -> Option<(String, MirrorConnections)> {
        let read = async {
            let mut answer = String::new();
            UnixStream::connect(self.control()).await?.read_to_string(&mut answer).await?;
            io::Result::Ok(answer)
        };
        let answer = tokio::time::timeout(CONTROL_TIMEOUT, read).await.ok()?.ok()?;
        let (task, listing) = answer.split_once('\n')?;
        Some((task.to_owned(), MirrorConnections::parse(listing)?))
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
        let task = format!("{} {}", target.display(), self.config.replica_timeout_seconds);
        self.ask().await.is_some_and(|(found, _)| found == task)
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
        processes::end(&self.control(), &self.program()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_as_a_whole_or_not_at_all() {
        let volume = VolumeId(uuid::Uuid::nil());
        let export = replica_name(volume);
        let connections =
            MirrorConnections::parse(&format!("{export} 1 open\nother 2 closed\n")).unwrap();
        assert_eq!(connections.of(volume), Some("1"));
        assert!(MirrorConnections::parse("").unwrap().of(volume).is_none());
        for bad in ["other 2", "other 2 ajar", "\n"] {
            assert!(MirrorConnections::parse(bad).is_none(), "{bad:?}");
        }
    }
}
