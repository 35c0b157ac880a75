//! What goes wrong before the primary burns.

use anyhow::Context as _;
use harness::{Cluster, kill_by_pid_file, refuse_writes};
use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    WorkerDies,
    WorkerSleeps,
    RelayDies,
    TargetDies,
    TargetSleeps,
    /// The target refuses the writes to one block, for want of room.
    TargetIsFull,
    /// The same, with an I/O error.
    TargetFails,
    /// The primary's daemon dies, and is started again.
    PrimaryIsRestarted,
}

/// How many replicas something may strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strikes {
    None,
    One,
    All,
}

impl Trouble {
    pub const ALL: [Self; 8] = [
        Self::WorkerDies,
        Self::WorkerSleeps,
        Self::RelayDies,
        Self::TargetDies,
        Self::TargetSleeps,
        Self::TargetIsFull,
        Self::TargetFails,
        Self::PrimaryIsRestarted,
    ];

    /// Which replicas may fall out of sync over it.
    pub const fn strikes(self) -> Strikes {
        match self {
            Self::WorkerDies | Self::WorkerSleeps => Strikes::None,
            Self::TargetIsFull | Self::TargetFails => Strikes::One,
            Self::RelayDies | Self::TargetDies | Self::TargetSleeps | Self::PrimaryIsRestarted => {
                Strikes::All
            }
        }
    }

    /// Makes it happen to one of the volumes, or to all of them.
    pub fn strike(self, cluster: &mut Cluster, volume: &str, block: u64) -> anyhow::Result<()> {
        let (a, b) = (cluster.directory().join("a/run"), cluster.directory().join("b/run"));
        match self {
            Self::WorkerDies => {
                cluster.workers.clear();
                Ok(())
            }
            Self::WorkerSleeps => {
                cluster.workers.iter().try_for_each(|worker| worker.process.signal(Signal::STOP))
            }
            Self::RelayDies => {
                kill_by_pid_file(&b.join("relay.pid"));
                Ok(())
            }
            Self::TargetDies => {
                kill_by_pid_file(&b.join("daemon.pid"));
                Ok(())
            }
            Self::TargetSleeps => signal(cluster.directory(), "b", Signal::STOP),
            Self::TargetIsFull => refuse(cluster, volume, block, 28),
            Self::TargetFails => refuse(cluster, volume, block, 5),
            Self::PrimaryIsRestarted => {
                kill_by_pid_file(&a.join("daemon.pid"));
                Ok(())
            }
        }
    }

    /// Ends what would keep the backend from failing over.
    pub async fn end(self, cluster: &mut Cluster) -> anyhow::Result<()> {
        match self {
            Self::WorkerDies if cluster.workers.is_empty() => cluster.add_worker(&[]).await,
            Self::WorkerSleeps => {
                cluster.workers.iter().try_for_each(|worker| worker.process.signal(Signal::CONT))
            }
            Self::TargetSleeps => signal(cluster.directory(), "b", Signal::CONT),
            Self::WorkerDies
            | Self::RelayDies
            | Self::TargetDies
            | Self::TargetIsFull
            | Self::TargetFails
            | Self::PrimaryIsRestarted => Ok(()),
        }
    }
}

/// Signals the storage daemon of an array. One that has been replaced, or has ended, is left alone.
pub fn signal(directory: &Path, array: &str, signal: Signal) -> anyhow::Result<()> {
    let pid_file = directory.join(array).join("run/daemon.pid");
    let Ok(pid) = std::fs::read_to_string(pid_file) else { return Ok(()) };
    let pid = Pid::from_raw(pid.trim().parse()?).context("no process has number 0")?;
    let _ = kill_process(pid, signal);
    Ok(())
}

/// A target's daemon that is about to die, or does not have the volume open, is left alone.
fn refuse(cluster: &Cluster, volume: &str, offset: u64, errno: i32) -> anyhow::Result<()> {
    let _ = refuse_writes(&cluster.directory().join("b"), volume, offset, errno);
    Ok(())
}
