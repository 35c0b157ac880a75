//! The sections of the configuration, each with its defaults.

use super::{ConfigError, Secret, invalid};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// `[database]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`; several hosts may be listed.
    pub url: Secret,
    /// The most connections of one process.
    pub pool_size: usize,
    /// How long a connection, or a free place in the pool, is waited for.
    pub connect_timeout_seconds: u64,
    /// How long the server works on one statement.
    pub statement_timeout_ms: u64,
    /// How long a statement waits for a lock.
    pub lock_timeout_ms: u64,
    /// Whether a starting service brings the schema up to date.
    pub migrate_on_start: bool,
    /// How many days removed resources and the records of ended operations are kept.
    pub keep_removed_days: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: "postgres://cinderblock@127.0.0.1/cinderblock".into(),
            pool_size: 16,
            connect_timeout_seconds: 5,
            statement_timeout_ms: 5000,
            lock_timeout_ms: 2000,
            migrate_on_start: true,
            keep_removed_days: 30,
        }
    }
}

impl DatabaseConfig {
    /// How long a connection is waited for.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_seconds)
    }

    /// How long removed resources and the records of ended operations are kept.
    #[must_use]
    pub const fn keep_removed(&self) -> Duration {
        Duration::from_hours(24 * self.keep_removed_days as u64)
    }
}

text_enum! {
    /// The kind of queue that RabbitMQ keeps for us.
    pub enum QueueType {
        /// For one broker.
        Classic = "classic",
        /// For a cluster of brokers.
        Quorum = "quorum",
    }
}

/// `[bus]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BusConfig {
    /// `amqp://user:password@host:port/vhost`, or `amqps://…`.
    pub url: Secret,
    /// What every exchange and queue is called first; keeps installations on one broker apart.
    pub namespace: String,
    /// `classic` on one broker, `quorum` in a cluster of brokers.
    pub queue_type: QueueType,
    /// A connection on which nothing arrives for twice as long is given up.
    pub heartbeat_seconds: u16,
    /// How long a connection attempt may take.
    pub connect_timeout_seconds: u64,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            url: "amqp://guest:guest@127.0.0.1:5672/%2f".into(),
            namespace: "cinderblock".to_owned(),
            queue_type: QueueType::Classic,
            heartbeat_seconds: 5,
            connect_timeout_seconds: 3,
        }
    }
}

/// `[services]`: what all services share.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ServicesConfig {
    /// The name of this machine in the service list; the machine's own by default.
    pub host: String,
    /// The zone of this machine's services.
    pub availability_zone: String,
    /// How often a service reports that it is alive.
    pub heartbeat_seconds: f64,
    /// After how long without a report a service counts as down. The same for all services.
    pub down_after_seconds: f64,
    /// How long an ending service waits for what it has begun.
    pub shutdown_seconds: u64,
}

impl Default for ServicesConfig {
    fn default() -> Self {
        Self {
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            availability_zone: "nova".to_owned(),
            heartbeat_seconds: 5.0,
            down_after_seconds: 20.0,
            shutdown_seconds: 10,
        }
    }
}

impl ServicesConfig {
    /// How often a service reports that it is alive.
    #[must_use]
    pub fn heartbeat(&self) -> Duration {
        Duration::from_secs_f64(self.heartbeat_seconds)
    }

    /// After how long without a report a service counts as down.
    #[must_use]
    pub fn down_after(&self) -> Duration {
        Duration::from_secs_f64(self.down_after_seconds)
    }
}

text_enum! {
    /// How callers prove who they are.
    pub enum Identity {
        /// They do not: whatever they say is believed. For development.
        Noauth = "noauth",
    }
}

/// `[api]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct ApiConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How callers prove who they are; must be stated.
    pub identity: Option<Identity>,
    /// Lets `noauth` listen on more than loopback.
    pub noauth_beyond_loopback: bool,
    /// The address that clients use, when it differs from what they ask for (a proxy).
    pub public_endpoint: Option<String>,
    /// The most items of one page.
    pub max_page: i64,
    /// The largest body.
    pub max_body_bytes: usize,
    /// How long the scheduler's answer is waited for.
    pub submit_timeout_seconds: f64,
    /// How long a data path may take to open or close before the client is told to look again.
    pub connect_timeout_seconds: f64,
    /// The type of a volume for which none is asked.
    pub default_volume_type: String,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8776)),
            identity: None,
            noauth_beyond_loopback: false,
            public_endpoint: None,
            max_page: 1000,
            max_body_bytes: 114_688,
            submit_timeout_seconds: 10.0,
            connect_timeout_seconds: 60.0,
            default_volume_type: "__DEFAULT__".to_owned(),
        }
    }
}

/// `[scheduler]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct SchedulerConfig {
    /// Where its health is asked for.
    pub health_listen: SocketAddr,
    /// How many requests it works on at once.
    pub concurrency: u16,
    /// Whether a frozen or disabled backend refuses attach and detach too.
    pub frozen_refuses_connections: bool,
    /// How much the room that is left counts for a place; negative fills up first.
    pub capacity_weight_multiplier: f64,
    /// How much the number of volumes counts for a place; negative spreads them.
    pub volume_number_multiplier: f64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            health_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8777)),
            concurrency: 64,
            frozen_refuses_connections: false,
            capacity_weight_multiplier: 1.0,
            volume_number_multiplier: 0.0,
        }
    }
}

/// `[volume]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeConfig {
    /// The backends that this process works for.
    pub enabled_backends: Vec<String>,
    /// Whether a backend that was never seen before starts enabled.
    pub enable_new_backends: bool,
    /// Where its health is asked for.
    pub health_listen: SocketAddr,
    /// Where it keeps what must survive its restart.
    pub state_directory: PathBuf,
    /// How long an operation stays with a worker that does not report on it.
    pub lease_seconds: f64,
    /// How often it looks for operations that no message announced.
    pub sweep_seconds: f64,
    /// How many operations of one backend run at once.
    pub concurrency: usize,
}

impl Default for VolumeConfig {
    fn default() -> Self {
        Self {
            enabled_backends: Vec::new(),
            enable_new_backends: true,
            health_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8778)),
            state_directory: PathBuf::from("/var/lib/cinderblock"),
            lease_seconds: 15.0,
            sweep_seconds: 1.0,
            concurrency: 16,
        }
    }
}

impl VolumeConfig {
    /// How long an operation stays with a worker that does not report on it.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs_f64(self.lease_seconds)
    }

    /// How often a worker looks for operations that no message announced.
    #[must_use]
    pub fn sweep(&self) -> Duration {
        Duration::from_secs_f64(self.sweep_seconds)
    }
}

text_enum! {
    /// The drivers that there are.
    pub enum DriverName {
        /// Raw files in a directory, exported by qemu-storage-daemon.
        File = "file",
        /// Nothing but memory; for load and fault tests.
        Fake = "fake",
    }
}

/// `[backends.NAME]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct BackendConfig {
    /// `file` or `fake`.
    pub driver: DriverName,
    /// The name that volume types select it by; the section's name by default.
    pub volume_backend_name: Option<String>,
    /// Its zone, when it differs from the machine's.
    pub availability_zone: Option<String>,
    /// How much may be promised per GiB of storage.
    pub max_over_subscription_ratio: f64,
    /// The share of the storage that is kept free.
    pub reserved_percentage: u8,
    /// The name that workers on several machines share, if they work for the backend together.
    pub cluster: Option<String>,
    /// Where its volumes are replicated to, if their types ask for that.
    pub replication_device: Vec<ReplicationDevice>,
    /// What only the `file` driver reads.
    pub file: FileDriverConfig,
    /// What only the `fake` driver reads.
    pub fake: FakeDriverConfig,
}

impl Default for BackendConfig {
    fn default() -> Self {
        Self {
            driver: DriverName::File,
            volume_backend_name: None,
            availability_zone: None,
            max_over_subscription_ratio: 20.0,
            reserved_percentage: 0,
            cluster: None,
            replication_device: Vec::new(),
            file: FileDriverConfig::default(),
            fake: FakeDriverConfig::default(),
        }
    }
}

impl BackendConfig {
    /// The name that volume types select the backend by; its section's name by default.
    #[must_use]
    pub fn name_or(&self, section: &str) -> String {
        self.volume_backend_name.clone().unwrap_or_else(|| section.to_owned())
    }

    pub(super) fn validate(&self, section: &str) -> Result<(), ConfigError> {
        if self.max_over_subscription_ratio < 1.0 {
            let key = format!("{section}.max_over_subscription_ratio");
            return Err(invalid(key, "must be at least 1"));
        }
        if self.reserved_percentage > 100 {
            return Err(invalid(format!("{section}.reserved_percentage"), "must be at most 100"));
        }
        self.validate_targets(section)?;
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if self.cluster.as_ref().is_some_and(|name| name.is_empty() || !name.chars().all(allowed)) {
            let key = format!("{section}.cluster");
            return Err(invalid(key, "must be of letters, digits, '-', '_' and '.'"));
        }
        if self.driver == DriverName::File && !self.file.directory.is_absolute() {
            let key = format!("{section}.file.directory");
            return Err(invalid(key, "must be an absolute path"));
        }
        if !(0.1..=3600.0).contains(&self.file.replica_timeout_seconds) {
            let key = format!("{section}.file.replica_timeout_seconds");
            return Err(invalid(key, "must be between 0.1 and 3600"));
        }
        Ok(())
    }
}

impl BackendConfig {
    /// The targets that its volumes can be replicated to.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.replication_device.iter().map(|device| device.backend_id.clone()).collect()
    }

    fn validate_targets(&self, section: &str) -> Result<(), ConfigError> {
        let key = || format!("{section}.replication_device");
        for (position, device) in self.replication_device.iter().enumerate() {
            let id = device.backend_id.as_str();
            let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            if id.is_empty() || !id.chars().all(allowed) {
                return Err(invalid(
                    key(),
                    "each needs a backend_id of letters, digits, '-', '_' and '.'",
                ));
            }
            if id == "default" {
                return Err(invalid(key(), "backend_id 'default' means the backend's own side"));
            }
            if self.replication_device[..position].iter().any(|other| other.backend_id == id) {
                return Err(invalid(key(), "each needs a backend_id of its own"));
            }
            if self.driver == DriverName::File && !device.directory.is_absolute() {
                return Err(invalid(
                    key(),
                    "with driver 'file', each needs a directory, an absolute path",
                ));
            }
        }
        if self.driver == DriverName::File
            && !self.replication_device.is_empty()
            && self.file.target_protocol == TargetProtocol::Iscsi
        {
            return Err(invalid(
                key(),
                "an iSCSI backend cannot be replicated; use target_protocol 'nbd'",
            ));
        }
        Ok(())
    }
}

/// `[[backends.NAME.replication_device]]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplicationDevice {
    /// What operators call the target.
    pub backend_id: String,
    /// The array, with the `file` driver.
    pub directory: PathBuf,
}

text_enum! {
    /// On what a storage daemon offers its NBD exports; QEMU allows one listener per daemon.
    pub enum NbdListen {
        /// A socket file in the array's directory, for clients on the same machine.
        Unix = "unix",
        /// A loopback port.
        Tcp = "tcp",
    }
}

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
    /// `unix` or `tcp`.
    pub nbd_listen: NbdListen,
    /// The loopback port of `tcp`; 0 takes a free one.
    pub nbd_port: u16,
    /// The program.
    pub storage_daemon: PathBuf,
    /// The program that carries writes to replicas; without a directory, the one beside the worker, if there is
    /// one there.
    pub relay: PathBuf,
    /// How long a replica may hold up a server's write before the mirror goes on without it.
    pub replica_timeout_seconds: f64,
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
            nbd_listen: NbdListen::Unix,
            nbd_port: 0,
            storage_daemon: PathBuf::from("qemu-storage-daemon"),
            relay: PathBuf::from("cinderblock-relay"),
            replica_timeout_seconds: 5.0,
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

/// `[backends.NAME.fake]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct FakeDriverConfig {
    /// The size of the pretended storage.
    pub capacity_gb: f64,
    /// How long each driver call takes.
    pub latency_ms: u64,
    /// The replication targets that pretend to be down.
    pub targets_down: Vec<String>,
}

impl Default for FakeDriverConfig {
    fn default() -> Self {
        Self { capacity_gb: 1000.0, latency_ms: 0, targets_down: Vec::new() }
    }
}

/// `[quota]`: the limits of a project for which none were set; -1 is no limit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaConfig {
    /// Volumes.
    pub volumes: i64,
    /// Snapshots.
    pub snapshots: i64,
    /// GiB in all volumes and snapshots.
    pub gigabytes: i64,
    /// GiB in one volume.
    pub per_volume_gigabytes: i64,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self { volumes: 10, snapshots: 10, gigabytes: 1000, per_volume_gigabytes: -1 }
    }
}

impl QuotaConfig {
    /// The limit of a resource for which no project's quota was set.
    #[must_use]
    pub fn default_limit(&self, resource: &str) -> i64 {
        match resource {
            "volumes" => self.volumes,
            "snapshots" => self.snapshots,
            "gigabytes" => self.gigabytes,
            "per_volume_gigabytes" => self.per_volume_gigabytes,
            _ => -1,
        }
    }
}

text_enum! {
    /// How the log is written.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

/// `[log]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    /// `text` or `json`.
    pub format: LogFormat,
    /// What is logged: a level, or `target=level` pairs as tracing's filters take them.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".to_owned() }
    }
}
