//! `[backends.NAME.file]`: the settings of the `file` driver.

use model::text_enum;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

text_enum! {
    /// How servers reach volumes, in Cinder's words.
    pub enum TargetProtocol {
        /// The storage daemon's NBD exports.
        Nbd = "nbd",
        /// Targets of a private `tgtd`, with CHAP: what Nova's os-brick takes.
        Iscsi = "iscsi",
    }
}

/// `[backends.NAME.file]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct FileDriverConfig {
    /// The array: a directory with the volumes and the sockets of their storage daemon.
    pub directory: PathBuf,
    /// `nbd` or `iscsi`.
    pub target_protocol: TargetProtocol,
    /// The program.
    pub storage_daemon: PathBuf,
    /// The program that carries writes to replicas; without a directory, the one beside the worker, if there is
    /// one there.
    pub relay: PathBuf,
    /// How long a replica may hold up a server's write before the mirror goes on without it.
    pub replica_timeout_seconds: f64,
    /// The most of a volume that is read in a second, in MiB, to resynchronise its replica; 0 for no bound.
    pub resync_rate_mib: u64,
    /// Where the iSCSI portal listens.
    pub iscsi_address: IpAddr,
    /// The portal's port; 0 takes a free one.
    pub iscsi_port: u16,
    /// The iSCSI target daemon.
    pub tgtd: PathBuf,
    /// What speaks to it.
    pub tgtadm: PathBuf,
}

impl Default for FileDriverConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::new(),
            target_protocol: TargetProtocol::Nbd,
            storage_daemon: PathBuf::from("qemu-storage-daemon"),
            relay: PathBuf::from("cinderblock-relay"),
            replica_timeout_seconds: 5.0,
            resync_rate_mib: 0,
            iscsi_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            iscsi_port: 0,
            tgtd: PathBuf::from("/usr/sbin/tgtd"),
            tgtadm: PathBuf::from("/usr/sbin/tgtadm"),
        }
    }
}

impl FileDriverConfig {
    /// How long a replica may hold up a server's write before the mirror goes on without it.
    #[must_use]
    pub fn replica_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.replica_timeout_seconds)
    }
}
